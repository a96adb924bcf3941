/** `latro eval`: how many questions a model gets right, and how likely it finds the right answers. */
import { resolve } from 'node:path';
import { LatroError } from '../engine/common/errors.ts';
import { atomicWrite } from '../engine/common/file_system.ts';
import { finiteJson } from '../engine/common/json_lines.ts';
import { requireSoundRows } from '../engine/datasets/read_dataset.ts';
import type { DatasetRow } from '../engine/datasets/row.ts';
import { sliceRows } from '../engine/datasets/select_rows.ts';
import { wilsonInterval } from '../engine/evaluate/statistics.ts';
import { DECODE_ROWS } from '../engine/model/generate.ts';
import { evaluateRows, summariseEvaluation } from '../engine/training/evaluator.ts';
import type { Policy } from '../engine/training/policy.ts';
import type { QuestionTask } from '../engine/training/question_task.ts';
import { operatorsOf } from '../engine/training/run_notes.ts';
import { questionTask, readRows } from '../engine/training/run_setup.ts';
import type { EvaluationRow, EvaluationSummary } from '../protocol/records.ts';
import type { Command, CommandContext } from './command.ts';
import { evaluationReport } from './evaluation_report.ts';
import {
  LARGEST_SEED,
  MODEL_OPTIONS,
  noteFallBack,
  openModel,
  requireWritable,
  TASK_OPTIONS,
  taskConfig,
} from './model_options.ts';
import { Progress } from './progress.ts';

export const evalCommand: Command = {
  name: 'eval',
  summary: 'Measures a model on a dataset: accuracy, majority vote, and how likely it finds the right answers.',
  usage: '--model DIR --dataset FILE [options]',
  positionals: [0, 0],
  options: {
    ...MODEL_OPTIONS,
    dataset: { value: 'FILE', help: 'Questions and answers: .jsonl, .json or .parquet.' },
    ...TASK_OPTIONS,
    rows: { value: 'SLICE', help: 'Which rows, such as 0:100, 480: or -120: (default: all).' },
    k: { value: 'N', help: 'Samples per question for maj@N and pass@N, besides the greedy answer (default 0).' },
    temperature: { value: 'T', help: 'Temperature of those samples (default 1).' },
    'max-tokens': {
      value: 'L',
      help: 'Longest answer with its rationale, in tokens (default 500, less where the model has no room).',
    },
    seed: { value: 'S', help: 'Every sample follows from it (default 42).' },
    json: { value: 'FILE', help: 'Writes the figures and every question with its answers there.' },
  },
  details: [
    'FILE of --json: {"greedyAccuracy", "greedyAccuracyInterval95", "majorityAccuracy", "passAtK", "meanAnswerLogProbGreedy", …, "rows": [one object per question]}. Rates lie between 0 and 1, log-probabilities are in nats.',
  ],

  async run(args, context) {
    const { terminal, world, cwd, signal } = context;
    const json = args.text('json');
    if (json !== undefined) await requireWritable(resolve(cwd, json), context);
    const config = await taskConfig(args, context);
    const path = resolve(cwd, args.required('dataset'));
    const dataset = await readRows(path, config, world.files);
    const rows = sliceRows(requireSoundRows(dataset), args.text('rows') ?? 'all');
    const wantedTokens = args.whole('max-tokens', { least: 1 });
    const settings = {
      k: args.whole('k', { least: 0, most: 1024 }) ?? 0,
      temperature: args.real('temperature', { least: 0, most: 10 }) ?? config.evaluation.temperature,
      seed: args.whole('seed', { least: 0, most: LARGEST_SEED }) ?? config.seed,
    };
    const policy = await openModel(args, context, {
      rows: DECODE_ROWS,
      sequenceLength: (wantedTokens ?? config.evaluation.maxTokens) + 128,
    });
    try {
      const task = questionTask(policy, config, dataset, new Date(world.clock.now()));
      const maxTokens = roomForAnswers(policy, task, rows, wantedTokens, config.evaluation.maxTokens);
      const progress = new Progress(terminal, 'Evaluating', 'questions');
      const started = world.clock.monotonic();
      progress.advance(0, rows.length);
      const results = await evaluateRows(
        policy,
        task,
        rows,
        { ...settings, maxTokens },
        {
          signal,
          onRow: async (_, done, total) => progress.advance(done, total),
        },
      ).finally(() => progress.end());
      const seconds = (world.clock.monotonic() - started) / 1000;
      const facts = { name: 'eval', checkpoint: args.text('adapter') ?? 'base', dataset: path, k: settings.k, seconds };
      const summary = {
        ...summariseEvaluation(results, facts),
        ...(await operatorsOf(policy.model.programs)),
      };
      for (const line of evaluationReport(summary, results, terminal)) terminal.out(line);
      await noteFallBack(policy, terminal);
      if (json !== undefined) {
        const model = { model: policy.folder, adapter: args.text('adapter') ?? null };
        await writeJson(resolve(cwd, json), { ...model, ...summary }, results, context);
      }
    } finally {
      await policy.dispose();
    }
  },
};

/** The longest answer that fits after every prompt. @throws LatroError `prompt-too-long` when what was asked for does not */
function roomForAnswers(
  policy: Policy,
  task: QuestionTask,
  rows: readonly DatasetRow[],
  wanted: number | undefined,
  usual: number,
): number {
  const longest = rows
    .map((row) => task.encoder.encode(row, 1))
    .reduce((a, b) => (b.promptIds.length + b.answerIds.length > a.promptIds.length + a.answerIds.length ? b : a));
  const room = policy.config.maxPositions - longest.promptIds.length - longest.answerIds.length;
  if (wanted === undefined) return Math.min(usual, room);
  if (wanted <= room) return wanted;
  throw new LatroError(
    'prompt-too-long',
    `After the question on line ${longest.row.line} the model has room for ${room} tokens (it has ${policy.config.maxPositions} positions), not for ${wanted}.`,
    `Give --max-tokens ${room} or less.`,
  );
}

async function writeJson(
  path: string,
  summary: EvaluationSummary & { readonly model: string; readonly adapter: string | null },
  rows: readonly EvaluationRow[],
  { world, terminal }: CommandContext,
): Promise<void> {
  const right = rows.filter(({ greedy }) => greedy.correct).length;
  const content = { ...summary, greedyAccuracyInterval95: wilsonInterval(right, rows.length), rows };
  await atomicWrite(world.files, path, `${finiteJson(content, 2)}\n`);
  terminal.note(`Written: ${path}`);
}
