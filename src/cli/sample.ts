/** `latro sample`: K continuations of every prompt or question, as JSON Lines. */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import * as v from 'valibot';
import { LatroError } from '../engine/common/errors.ts';
import type { Dataset } from '../engine/datasets/dataset.ts';
import { requireSoundRows } from '../engine/datasets/read_dataset.ts';
import type { DatasetRow } from '../engine/datasets/row.ts';
import { DECODE_ROWS, type GeneratedRequest, generate, type Sample } from '../engine/model/generate.ts';
import { answerLogProb } from '../engine/training/evaluation_sampling.ts';
import type { Policy } from '../engine/training/policy.ts';
import type { EncodedQuestion } from '../engine/training/question_encoder.ts';
import type { QuestionTask } from '../engine/training/question_task.ts';
import { rationaleKey } from '../engine/training/rollout.ts';
import { questionTask, readRows } from '../engine/training/run_setup.ts';
import type { RunConfig } from '../protocol/run_config.ts';
import type { Arguments } from './arguments.ts';
import type { Command, CommandContext } from './command.ts';
import { LARGEST_SEED, MODEL_OPTIONS, noteFallBack, openModel, TASK_OPTIONS, taskConfig } from './model_options.ts';
import { Progress } from './progress.ts';
import { encodePrompt } from './prompt_text.ts';
import { badRow, firstRowHas, type JsonRow, readJsonRows } from './row_file.ts';

/** Keys of these samples are not those of any training step. */
const SAMPLE_STEP = 0x7ffffffe;
const NEVER_STOP = { push: () => null };
const PromptRow = v.object({ prompt: v.string() });

type Source =
  | { readonly kind: 'prompts'; readonly path: string; readonly rows: readonly JsonRow[] }
  | {
      readonly kind: 'questions';
      readonly config: RunConfig;
      readonly dataset: Dataset;
      readonly rows: readonly DatasetRow[];
    };

/** A prompt to continue; a dataset's row also knows the right answer. */
interface Prompt {
  readonly line: number;
  readonly text: string;
  readonly ids: readonly number[];
  /** Of the content: a prompt's samples are the same whatever stands around it. */
  readonly key: string;
  readonly question: EncodedQuestion | null;
}

interface SampleSettings {
  readonly k: number;
  readonly temperature: number;
  readonly maxTokens: number;
  readonly seed: number;
}

export const sampleCommand: Command = {
  name: 'sample',
  summary: 'Samples K continuations of every prompt or question, as JSON lines.',
  usage: '--model DIR --rows FILE --k N --temperature T --max-tokens L --seed S [options]',
  positionals: [0, 0],
  options: {
    ...MODEL_OPTIONS,
    rows: { value: 'FILE', help: 'JSON Lines of {"prompt"}, or a dataset of questions and answers.' },
    k: { value: 'N', help: 'Samples per row (default 8).' },
    temperature: { value: 'T', help: 'Sampling temperature; 0: always the likeliest token (default 1).' },
    'max-tokens': { value: 'L', help: 'Longest sample in tokens (default 256).' },
    seed: { value: 'S', help: 'The same seed gives the same samples, whatever else is in the file (default 42).' },
    ...TASK_OPTIONS,
  },
  details: [
    'One line per sample, row by row in the order of the file: {"line","sample","prompt","completion","tokenIds","logprobs","sum","tokens","stop"}. "logprobs" are log π of each token at temperature 1, in nats; "stop" is "end-token" or "length". The lines are rows for `latro score`.',
    'Questions of a dataset are put as in training (chat template and "Let\'s think step by step.") and their lines also have "question", "goldAnswer", "rationale" (what comes before the answer is announced), "extractedAnswer", "correct" and "selfReward": log p of the right answer after this rationale. A {"prompt"} is taken as it is.',
  ],

  async run(args, context) {
    const { terminal, world, signal } = context;
    const settings: SampleSettings = {
      k: args.whole('k', { least: 1, most: 4096 }) ?? 8,
      temperature: args.real('temperature', { least: 0, most: 10 }) ?? 1,
      maxTokens: args.whole('max-tokens', { least: 1 }) ?? 256,
      seed: args.whole('seed', { least: 0, most: LARGEST_SEED }) ?? 42,
    };
    const source = await readSource(args, context);
    const policy = await openModel(args, context, { rows: DECODE_ROWS, sequenceLength: settings.maxTokens + 128 });
    try {
      const now = new Date(world.clock.now());
      const task = source.kind === 'questions' ? questionTask(policy, source.config, source.dataset, now) : null;
      const prompts =
        source.kind === 'questions'
          ? questionPrompts(task!, source.rows)
          : textPrompts(policy, source.path, source.rows);
      checkLengths(policy, prompts, settings);
      const progress = new Progress(terminal, 'Sampling', 'samples');
      const total = prompts.length * settings.k;
      progress.advance(0, total);
      try {
        // LongRoPE chooses its factors by the longest sequence of a run, so there every prompt has its own.
        const perRun = policy.config.rope.kind === 'longrope' ? 1 : Math.max(1, Math.floor(DECODE_ROWS / settings.k));
        for (let start = 0; start < prompts.length; start += perRun) {
          const batch = prompts.slice(start, start + perRun);
          const generated = await sampleBatch(policy, task, batch, settings, signal, (finished) =>
            progress.advance(start * settings.k + finished, total),
          );
          for (const line of describeBatch(policy, task, batch, generated)) terminal.out(JSON.stringify(line));
        }
      } finally {
        progress.end();
      }
      await noteFallBack(policy, terminal);
    } finally {
      await policy.dispose();
    }
  },
};

/** A file whose first row has a "prompt" holds prompts, unless a layout of a dataset was asked for. */
async function readSource(args: Arguments, context: CommandContext): Promise<Source> {
  const { world, cwd } = context;
  const path = resolve(cwd, args.required('rows'));
  const config = await taskConfig(args, context);
  const layoutGiven = args.text('format') !== undefined || config.dataset.mapping !== undefined;
  if (!layoutGiven && (await firstRowHas(world.files, path, 'prompt')))
    return { kind: 'prompts', path, rows: await readJsonRows(world.files, path) };
  const dataset = await readRows(path, config, world.files);
  return { kind: 'questions', config, dataset, rows: requireSoundRows(dataset) };
}

function textPrompts(policy: Policy, path: string, rows: readonly JsonRow[]): Prompt[] {
  return rows.map(({ line, value }) => {
    const parsed = v.safeParse(PromptRow, value);
    if (!parsed.success) throw badRow(path, line, 'it has no "prompt" that is a text', 'Write {"prompt":"…"}.');
    const text = parsed.output.prompt;
    const ids = encodePrompt(policy.tokenizer, text);
    if (ids.length === 0)
      throw badRow(path, line, 'its prompt makes no token, so there is nothing to continue', 'Give it some text.');
    return { line, text, ids, key: createHash('sha256').update(text).digest('hex'), question: null };
  });
}

function questionPrompts(task: QuestionTask, rows: readonly DatasetRow[]): Prompt[] {
  return rows.map((row) => {
    const question = task.encoder.encode(row, 1);
    return { line: row.line, text: question.prompt, ids: question.promptIds, key: row.rowKey, question };
  });
}

/** @throws LatroError `prompt-too-long` naming the first row whose samples would not fit */
function checkLengths(policy: Policy, prompts: readonly Prompt[], { maxTokens }: SampleSettings): void {
  const { maxPositions } = policy.config;
  for (const { line, ids, question } of prompts) {
    const room = maxPositions - ids.length - (question?.answerIds.length ?? 0);
    if (maxTokens <= room) continue;
    throw new LatroError(
      'prompt-too-long',
      `After the prompt on line ${line} the model has room for ${room} tokens (it has ${maxPositions} positions), not for ${maxTokens}.`,
      room > 0 ? `Give --max-tokens ${room} or less.` : 'Shorten the prompt.',
    );
  }
}

function sampleBatch(
  policy: Policy,
  task: QuestionTask | null,
  prompts: readonly Prompt[],
  { k, temperature, maxTokens, seed }: SampleSettings,
  signal: AbortSignal,
  onFinished: (finished: number) => void,
): Promise<GeneratedRequest[]> {
  const requests = prompts.map(({ ids, key, question }) => ({
    prompt: ids,
    answer: question?.answerIds ?? [],
    keys: Array.from({ length: k }, (_, sample) => rationaleKey(seed, SAMPLE_STEP, key, sample)),
  }));
  const settings = {
    temperature,
    topP: 1,
    topK: 0,
    maxTokens,
    maxAnswerTokens: 0,
    stopTokenIds: new Set(policy.config.eosTokenIds),
    maxRows: DECODE_ROWS,
    bareAnswers: false,
    ...(task === null ? {} : { rationaleLength: (ids: readonly number[]) => task.rationaleLength(ids) }),
  };
  return generate(policy.model, requests, settings, () => NEVER_STOP, { signal, onFinished });
}

/** One object per sample, prompt by prompt. */
function describeBatch(
  policy: Policy,
  task: QuestionTask | null,
  prompts: readonly Prompt[],
  generated: readonly GeneratedRequest[],
): object[] {
  return prompts.flatMap(({ line, text, question }, p) =>
    generated[p]!.samples.map((sample, index) => ({
      line,
      sample: index,
      prompt: text,
      ...describeSample(policy, sample),
      ...(task === null || question === null ? {} : describeAnswer(task, question, sample)),
    })),
  );
}

function describeSample({ tokenizer }: Policy, { ids, logProbs, stopReason }: Sample) {
  return {
    completion: tokenizer.decode(ids),
    tokenIds: ids,
    logprobs: logProbs,
    sum: logProbs.reduce((sum, value) => sum + value, 0),
    tokens: ids.length,
    stop: stopReason,
  };
}

function describeAnswer(task: QuestionTask, { row }: EncodedQuestion, sample: Sample) {
  const { ids } = sample;
  const { extracted, correct } = task.judge(task.tokenizer.decode(ids, { skipSpecialTokens: true }), row);
  return {
    question: row.question,
    goldAnswer: row.answer,
    rationale: task.tokenizer.decode(ids.slice(0, task.rationaleLength(ids))),
    extractedAnswer: extracted,
    correct,
    selfReward: answerLogProb(sample),
  };
}
