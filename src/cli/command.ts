/** What a command of `latro` is: its words in the help, its options, and what it does. */
import type { World } from '../engine/runs/run_writer.ts';
import type { DeviceList } from '../engine/runtime/devices.ts';
import type { Arguments } from './arguments.ts';
import type { Terminal } from './terminal.ts';

export interface OptionSpec {
  /** How its value is called in the help, such as "DIR"; absent: a switch without a value. */
  readonly value?: string;
  readonly help: string;
}

export interface CommandSpec {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** What follows `latro NAME` in the help. */
  readonly usage: string;
  /** Paragraphs below the options. */
  readonly details?: readonly string[];
  /** How many arguments without a `--name` it takes. */
  readonly positionals: readonly [least: number, most: number];
  readonly options: Readonly<Record<string, OptionSpec>>;
}

export interface CommandContext {
  readonly terminal: Terminal;
  readonly world: World;
  readonly devices: DeviceList;
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
