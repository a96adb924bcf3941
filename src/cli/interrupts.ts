/**
 * Ctrl+C: asked once, a command saves and stops; asked twice, it is left to the system to end it. A terminal that closes asks too,
 * and may do so several times, by its shell and by the system: that is never a reason to quit at once.
 */
import type { Terminal } from './terminal.ts';

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

export function listenForInterrupts(
  process: Pick<NodeJS.Process, 'on' | 'exit'>,
  terminal: Pick<Terminal, 'note' | 'status'>,
): AbortSignal {
  const controller = new AbortController();
  process.on('SIGHUP', () => controller.abort());
  for (const [name, code] of Object.entries(SIGNALS)) {
    process.on(name as keyof typeof SIGNALS, () => {
      if (controller.signal.aborted) {
        terminal.status('');
        process.exit(code);
      }
      terminal.note('Stopping: what is done is kept. Press Ctrl+C again to quit at once.');
      controller.abort();
    });
  }
  return controller.signal;
}
