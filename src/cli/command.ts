/** What a command of `latro` is: how it is called, and what it does with what it is given. */
import type { World } from '../engine/runs/run_writer.ts';
import type { DeviceList } from '../engine/runtime/devices.ts';
import type { Arguments } from './arguments.ts';
import type { CommandSpec } from './command_spec.ts';
import type { Terminal } from './terminal.ts';

export interface CommandContext {
  readonly terminal: Terminal;
  readonly world: World;
  readonly devices: DeviceList;
  /** Arguments for Node that start this program again: its entry, and what it needs before. */
  readonly program: readonly string[];
  /** Aborted when the person asks to stop. */
  readonly signal: AbortSignal;
  /** Paths given on the command line start here. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Command extends CommandSpec {
  /** @throws LatroError for what the person can mend, Cancelled when they stopped it */
  run(args: Arguments, context: CommandContext): Promise<void>;
}
