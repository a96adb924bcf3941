/** From the words on the command line to an exit code: 0 done, 1 something to mend (one sentence says what), 130 stopped. */
import { Cancelled, LatroError } from '../engine/common/errors.ts';
import { nearest } from '../engine/runs/config_issue.ts';
import { PACKAGE_VERSION } from '../engine/training/environment.ts';
import { Arguments } from './arguments.ts';
import type { Command, CommandContext } from './command.ts';
import { compareCommand } from './compare.ts';
import { demoCommand } from './demo.ts';
import { devicesCommand } from './devices.ts';
import { evalCommand } from './eval.ts';
import { exportCommand } from './export.ts';
import { commandHelp, overview } from './help.ts';
import { pullCommand } from './pull.ts';
import { runsCommand } from './runs.ts';
import { sampleCommand } from './sample.ts';
import { scoreCommand } from './score.ts';
import { harmless } from './terminal.ts';
import { trainCommand } from './train.ts';

const COMMANDS: readonly Command[] = [
  demoCommand,
  trainCommand,
  evalCommand,
  compareCommand,
  sampleCommand,
  scoreCommand,
  exportCommand,
  pullCommand,
  runsCommand,
  devicesCommand,
];

const INTERRUPTED = 130;

export async function runCommandLine(argv: readonly string[], context: CommandContext): Promise<number> {
  const { terminal, env } = context;
  try {
    await dispatch(argv, context);
    return 0;
  } catch (error) {
    if (error instanceof Cancelled) return INTERRUPTED;
    for (const line of errorLines(error, (env.LATRO_DEBUG ?? '') !== '')) terminal.error(line);
    return 1;
  } finally {
    terminal.status('');
  }
}

async function dispatch(argv: readonly string[], context: CommandContext): Promise<void> {
  const { terminal } = context;
  const [name, ...rest] = argv.map((word) => (word === '-h' ? '--help' : word));
  if (name === undefined || name === 'help' || name === '--help') {
    const [about] = rest;
    terminal.out(about === undefined ? overview(COMMANDS, PACKAGE_VERSION) : commandHelp(find(about)));
    return;
  }
  if (name === '--version' || name === '-v') {
    terminal.out(PACKAGE_VERSION);
    return;
  }
  const command = find(name);
  const args = Arguments.parse(command, rest);
  if (args.flag('help')) {
    terminal.out(commandHelp(command));
    return;
  }
  terminal.quiet = args.flag('quiet');
  await command.run(args, context);
}

function find(name: string): Command {
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const names = COMMANDS.map((candidate) => candidate.name);
  const near = nearest(name, names);
  throw new LatroError(
    'bad-request',
    `There is no command "${name}".`,
    near === undefined ? `Commands: ${names.join(', ')}.` : `Did you mean latro ${near}?`,
  );
}

function errorLines(error: unknown, debug: boolean): string[] {
  if (error instanceof LatroError) return [`latro: ${oneLine(error.message)}`];
  if (isSystemError(error)) return [`latro: ${oneLine(error.message)}.`];
  const message = error instanceof Error ? error.message : String(error);
  return [
    `latro: ${oneLine(message)}`,
    'This is a bug in LaTRO Studio; LATRO_DEBUG=1 shows where it happened.',
    ...(debug && error instanceof Error ? [error.stack ?? ''] : []),
  ];
}

/** Reading or writing failed for a reason outside this program. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && (error as NodeJS.ErrnoException).syscall !== undefined;
}

const oneLine = (text: string): string => harmless(text).replaceAll(/\s+/g, ' ').trim();
