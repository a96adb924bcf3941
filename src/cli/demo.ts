/** `latro demo`: the main job on the starter that comes with the package; no download, no graphics card. */
import { basename, join } from 'node:path';
import { LatroError } from '../engine/common/errors.ts';
import type { RunDirectory } from '../engine/runs/run_directory.ts';
import { RunStore } from '../engine/runs/run_store.ts';
import { PolicyCache } from '../engine/server/policy_cache.ts';
import { sampleQuestion } from '../engine/server/sample_question.ts';
import { chooseEnvironment } from '../engine/training/environment.ts';
import { trainedWeights } from '../engine/training/run_weights.ts';
import { TrainingRun } from '../engine/training/training_run.ts';
import type { Arguments } from './arguments.ts';
import type { Command, CommandContext } from './command.ts';
import { COMPUTE_OPTIONS } from './model_options.ts';
import { count, duration } from './number_format.ts';
import { packageRoot } from './package_root.ts';
import { rationaleLines, rationaleMeasure } from './rationale_lines.ts';
import { compareRun } from './run_comparison.ts';
import { harmless } from './terminal.ts';
import { executeRun, loadConfig } from './train.ts';

const SHOWN_RATIONALES = 4;
/** The demo is the only job of its process. */
const ALONE = {
  progress: () => {},
  onEvent: () => {},
  letInteractiveRun: async () => {},
  pauseIfAsked: async () => false,
};

export const demoCommand: Command = {
  name: 'demo',
  summary: 'Trains the starter that comes along with LaTRO and shows what it learnt; takes minutes.',
  usage: '[--out DIR]',
  positionals: [0, 0],
  options: {
    out: { value: 'DIR', help: 'Folder that receives the run directory (default .latro/runs).' },
    ...COMPUTE_OPTIONS,
  },

  run(args, context) {
    return runDemo(join(packageRoot(), 'media', 'starter', 'latro.json'), args, context);
  },
};

/** @param recipe the starter's `latro.json`; its dataset has test questions in the plain format */
export async function runDemo(recipe: string, args: Arguments, context: CommandContext): Promise<void> {
  const { terminal, world, devices, cwd } = context;
  if ((await world.files.status(recipe)) === null) {
    throw new LatroError(
      'model-not-found',
      `The starter is not there: ${recipe} is missing.`,
      'Make it with npm run starter:build.',
    );
  }
  const loaded = await loadConfig(recipe, args, context);
  const outputDirectory = args.text('out') === undefined ? join(cwd, '.latro', 'runs') : loaded.outputDirectory;
  const config = { ...loaded, outputDirectory };
  const started = world.clock.monotonic();
  terminal.out('A small language model has read worked examples, some careful, some hasty, some mere guesses.');
  terminal.out('LaTRO now samples its rationales and reinforces those that make the right answer likely.');
  terminal.out('');
  const run = await TrainingRun.create(
    world,
    new RunStore(world, config.outputDirectory),
    config,
    await chooseEnvironment(devices, config),
  );
  const directory = await executeRun(run, context);
  await showQuestion(directory, context);
  terminal.out('');
  terminal.out(
    `Run directory: ${directory.path}   (all of it in ${duration((world.clock.monotonic() - started) / 1000)})`,
  );
  terminal.note(`Look closer: latro compare ${basename(directory.path)}`);
}

/** A question whose verdict changed for the better, with rationales from before and after; the first one when there is none. */
async function showQuestion(run: RunDirectory, { terminal, world, devices, signal }: CommandContext): Promise<void> {
  const { config } = await run.record();
  const { greedy } = await compareRun(run);
  const mended = greedy.perQuestion.find(({ outcome }) => outcome === 'fixed');
  const shown = mended ?? greedy.perQuestion[0]!;
  const why =
    mended === undefined ? 'The first test question' : `One of the ${greedy.fixed} test questions it now gets right`;
  terminal.out('');
  terminal.out(terminal.style('bold', `${why}:`));
  terminal.out(`  ${harmless(shown.question)}`);
  terminal.out(`  Right answer: ${harmless(shown.goldAnswer)}`);
  const policies = new PolicyCache();
  const questions = { files: world.files, clock: world.clock, policies, devices, threads: config.threads };
  const { step } = await trainedWeights(run);
  const k = config.sampling.rationalesPerQuestion;
  try {
    for (const checkpoint of ['base', `step-${step}`]) {
      const rollout = await sampleQuestion(
        {
          jobId: checkpoint,
          weights: { kind: 'run', runDirectory: run.path, checkpoint },
          row: {
            dataset: config.dataset.test!,
            format: 'starter',
            line: shown.line,
            row: JSON.stringify({ question: shown.question, answer: shown.goldAnswer }),
          },
          k,
          temperature: config.sampling.temperature,
          maxTokens: null,
          seed: config.seed,
        },
        { ...ALONE, jobId: checkpoint, signal },
        questions,
      );
      const when = checkpoint === 'base' ? 'Before' : `After ${count(step, 'updates')}`;
      const best = k > SHOWN_RATIONALES ? `the best ${SHOWN_RATIONALES} of ${k}` : `${k}`;
      terminal.out('');
      terminal.out(
        terminal.style('bold', `${when}: ${best} sampled rationales, by self-reward: ${rationaleMeasure(rollout)}`),
      );
      for (const line of rationaleLines(rollout, SHOWN_RATIONALES, terminal)) terminal.out(line);
    }
  } finally {
    await policies.dispose();
  }
}
