/** `latro train --detach`: the same command in a process that belongs to nobody, so that it outlives the terminal. */
import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Cancelled, LatroError } from '../engine/common/errors.ts';
import { mendableError } from '../engine/common/file_system.ts';
import type { Arguments } from './arguments.ts';
import type { CommandContext } from './command.ts';

/** How a run says where it is, once model and data have been read and found sound. */
export const RUN_DIRECTORY = 'Run directory: ';

const POLL_MILLISECONDS = 50;

/**
 * Returns once the run is under way, and says where; its output is a file in `folder`.
 * @throws LatroError `engine-stopped` with its last words when it ended before
 */
export async function trainDetached(
  args: Arguments,
  folder: string,
  { program, cwd, world, terminal, signal }: CommandContext,
): Promise<void> {
  const log = join(folder, `train-${world.clock.iso().replaceAll(/\D/g, '')}-${process.pid}.log`);
  const output = await mkdir(folder, { recursive: true })
    .then(() => open(log, 'wx'))
    .catch((error: unknown) => {
      throw mendableError(error, log);
    });
  const child = spawn(process.execPath, [...program, 'train', ...args.without('detach', 'quiet')], {
    cwd,
    detached: true,
    windowsHide: true,
    stdio: ['ignore', output.fd, output.fd],
  });
  let over = false;
  for (const event of ['exit', 'error'])
    child.once(event, () => {
      over = true;
    });
  await output.close();
  child.unref();
  for (;;) {
    const ending = over;
    const lines = new TextDecoder().decode(await world.files.read(log)).split('\n');
    const line = lines.findLast((text, i) => text.startsWith(RUN_DIRECTORY) && i < lines.length - 1);
    if (line !== undefined) {
      terminal.out(line.slice(RUN_DIRECTORY.length));
      terminal.note(`Process ${child.pid} trains there and needs this terminal no longer. Its output: ${log}`);
      return;
    }
    if (ending) {
      const why = lines.findLast((text) => text.trim() !== '') ?? 'It said nothing.';
      throw new LatroError('engine-stopped', why.replace(/^latro: /, ''), `All it said is in ${log}.`);
    }
    if (signal.aborted) {
      child.kill();
      throw new Cancelled();
    }
    await setTimeout(POLL_MILLISECONDS);
  }
}
