/** Runs `latro` in this process as a shell would, and keeps what it wrote. */
import { runCommandLine } from '../../src/cli/command_line.ts';
import { type OutputStream, Terminal } from '../../src/cli/terminal.ts';
import { systemClock } from '../../src/engine/common/clock.ts';
import { type FileSystem, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { bundledProgram } from './bundled_program.ts';
import { CPU_ALONE } from './device_lists.ts';

/** What Node runs to be `latro`. */
export const latroProgram = (): readonly string[] => [bundledProgram('src/cli/main.ts')];

export class TextStream implements OutputStream {
  readonly isTTY: boolean;
  readonly columns = 100;
  text = '';

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

export interface Outcome {
  readonly code: number;
  readonly stdout: TextStream;
  readonly stderr: TextStream;
}

export interface ShellOptions {
  readonly cwd: string;
  readonly isTTY?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly files?: FileSystem;
}

export async function latro(
  argv: readonly string[],
  { cwd, isTTY = false, env = {}, signal, files = new NodeFileSystem() }: ShellOptions,
): Promise<Outcome> {
  const stdout = new TextStream(isTTY);
  const stderr = new TextStream(isTTY);
  const code = await runCommandLine(argv, {
    terminal: new Terminal({ stdout, stderr, env, clock: systemClock }),
    world: { files, clock: systemClock, processes: systemProcesses },
    devices: CPU_ALONE,
    signal: signal ?? new AbortController().signal,
    program: latroProgram(),
    cwd,
    env,
  });
  return { code, stdout, stderr };
}

/** The same, and it must succeed. */
export async function latroOk(argv: readonly string[], options: ShellOptions): Promise<Outcome> {
  const outcome = await latro(argv, options);
  if (outcome.code !== 0) throw new Error(`latro ${argv.join(' ')} ended with ${outcome.code}: ${outcome.stderr.text}`);
  return outcome;
}
