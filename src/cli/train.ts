/** `latro train`: a run from its configuration to its before/after table. */
import { dirname, resolve } from 'node:path';
import { Cancelled } from '../engine/common/errors.ts';
import { compareIdentity } from '../engine/runs/identity.ts';
import { RunDirectory } from '../engine/runs/run_directory.ts';
import { RunStore } from '../engine/runs/run_store.ts';
import { openConfig } from '../engine/server/config_source.ts';
import { chooseEnvironment } from '../engine/training/environment.ts';
import { policyRequest } from '../engine/training/run_setup.ts';
import { TrainingRun } from '../engine/training/training_run.ts';
import type { RunConfig } from '../protocol/run_config.ts';
import { type Arguments, badRequest } from './arguments.ts';
import type { Command, CommandContext } from './command.ts';
import { changedQuestions, comparisonReport } from './comparison_report.ts';
import { RUN_DIRECTORY, trainDetached } from './detach.ts';
import { COMPUTE_OPTIONS, computeSettings, noteMemory } from './model_options.ts';
import { count, percent } from './number_format.ts';
import { compareRun } from './run_comparison.ts';
import { showRun } from './run_observer.ts';
import { findRun, runStore } from './run_options.ts';
import type { Terminal } from './terminal.ts';
import { trainingSummary } from './training_summary.ts';

export const trainCommand: Command = {
  name: 'train',
  summary: 'Trains a model as a latro.json says, and measures it before and after on the test questions.',
  usage: 'CONFIG.json [--out DIR] [--resume RUN [--checkpoint N]] [--detach]',
  positionals: [0, 1],
  options: {
    out: {
      value: 'DIR',
      help: 'Folder that receives the run directory (default: outputDirectory of the config, .latro/runs).',
    },
    resume: {
      value: 'RUN',
      help: 'Continues this run (id or directory) from its newest checkpoint; CONFIG.json may be left out.',
    },
    checkpoint: {
      value: 'N',
      help: 'With --resume: rolls the run back to its checkpoint after update N first; what came after is removed.',
    },
    detach: { help: 'Trains in a process of its own, which goes on when this terminal is closed.' },
    ...COMPUTE_OPTIONS,
  },
  details: [
    'Ctrl+C saves what is done and stops, as does closing the terminal; a second Ctrl+C quits at once. Either way the run can be resumed.',
    'Everything a run is made of lands in its run directory: run.json, events.jsonl, rollouts/ (every rationale with its rewards), evaluations/, checkpoints/.',
  ],

  async run(args, context) {
    const resumed = args.text('resume');
    if (args.flag('detach')) return trainDetached(args, await outputFolder(args, context), context);
    const run = resumed === undefined ? await startRun(args, context) : await resumeRun(args, resumed, context);
    await executeRun(run, context);
  },
};

/** The folder of runs that the run is in, or will be. */
async function outputFolder(args: Arguments, context: CommandContext): Promise<string> {
  const resumed = args.text('resume');
  if (resumed !== undefined) return dirname((await findRun(runStore(args, context, 'out'), resumed, context)).path);
  const [path] = args.positionals;
  if (path === undefined) throw badRequest('latro train lacks its CONFIG.json.', 'Usage: latro train CONFIG.json');
  return (await loadConfig(path, args, context)).outputDirectory;
}

async function startRun(args: Arguments, context: CommandContext): Promise<TrainingRun> {
  const [path] = args.positionals;
  if (path === undefined) throw badRequest('latro train lacks its CONFIG.json.', 'Usage: latro train CONFIG.json');
  if (args.text('checkpoint') !== undefined)
    throw badRequest('--checkpoint is for a run that there is.', 'Name it with --resume.');
  const config = await loadConfig(path, args, context);
  const { world, devices, terminal } = context;
  const environment = await chooseEnvironment(devices, config);
  await noteMemory(policyRequest(config, environment), terminal);
  return TrainingRun.create(world, new RunStore(world, config.outputDirectory), config, environment);
}

async function resumeRun(args: Arguments, name: string, context: CommandContext): Promise<TrainingRun> {
  const { world, devices, terminal, signal } = context;
  const [path] = args.positionals;
  for (const option of ['device', 'precision', 'threads']) {
    if (args.text(option) !== undefined)
      throw badRequest(`--${option} cannot be changed on the way.`, 'Leave it out: a resumed run goes on as it began.');
  }
  const given = path === undefined ? null : await loadConfig(path, args, context);
  const store = given === null ? runStore(args, context, 'out') : new RunStore(world, given.outputDirectory);
  const run = await findRun(store, name, context);
  const { config, identity } = await run.record();
  // The run goes on with its own settings: other ones must be said, not passed over.
  if (given !== null) {
    for (const { field, before, now } of compareIdentity({ config, identity }, { config: given, identity }))
      terminal.note(`The run goes on as it began, with ${field} = ${before}; ${path} has ${now}.`);
  }
  const environment = await chooseEnvironment(devices, config, identity);
  await noteMemory(policyRequest(config, environment), terminal);
  const fromStep = args.whole('checkpoint', { least: 1 });
  return TrainingRun.resume(world, store, run.path, environment, showRun(terminal, signal), { fromStep });
}

/** The config with what the command line says in its place. */
export function loadConfig(path: string, args: Arguments, { world, cwd }: CommandContext): Promise<RunConfig> {
  const out = args.text('out');
  const overrides = {
    ...computeSettings(args),
    ...(out === undefined ? {} : { outputDirectory: resolve(cwd, out) }),
  };
  return openConfig(world.files, { source: { kind: 'file', path: resolve(cwd, path) }, overrides });
}

/** Runs to the end and prints what came of it; stopped, says how to go on. */
export async function executeRun(run: TrainingRun, { terminal, world, signal }: CommandContext): Promise<RunDirectory> {
  const directory = new RunDirectory(world.files, run.directory);
  const { config, totalSteps } = await directory.record();
  const { rationalesPerQuestion } = config.sampling;
  const each = config.method === 'sft' ? 'questions' : `questions × ${rationalesPerQuestion} rationales`;
  terminal.note(
    `${config.method} on ${config.model}: ${count(totalSteps ?? 0, 'updates')} of ${config.questionsPerStep} ${each}`,
  );
  terminal.note(`${RUN_DIRECTORY}${run.directory}`);
  const observer = showRun(terminal, signal);
  try {
    await run.execute(observer);
  } catch (error) {
    observer.end();
    if (error instanceof Cancelled) {
      const { step } = await directory.record();
      terminal.note(`Stopped after ${count(step, 'updates')}. Go on with: latro train --resume "${run.directory}"`);
    }
    throw error;
  }
  observer.end();
  await reportRun(directory, terminal);
  return directory;
}

async function reportRun(directory: RunDirectory, terminal: Terminal): Promise<void> {
  const { config, best, gain } = await directory.record();
  if (best !== null) {
    terminal.out(
      `Kept: the weights after update ${best.step}, ${percent(best.score)} of the validation questions right.`,
    );
  }
  if (config.dataset.test === undefined) {
    const { records } = await directory.events();
    const steps = records.flatMap((event) => (event.type === 'step' ? [event.metrics] : []));
    for (const line of trainingSummary(steps, config)) terminal.out(line);
    terminal.out('No before/after table: the config names no test questions ("dataset.test").');
  } else if (gain !== null) {
    const compared = await compareRun(directory);
    for (const line of [...comparisonReport(compared, terminal), ...changedQuestions(compared, terminal)])
      terminal.out(line);
  }
  terminal.out(`Run directory: ${directory.path}`);
}
