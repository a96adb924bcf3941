/** The fields of `latro.json`, section by section: type, range, unit and meaning of each. Assembled in `run_config.ts`. */
import * as v from 'valibot';

interface Range {
  readonly min?: number;
  readonly max?: number;
  /** Exclusive bounds. */
  readonly above?: number;
  readonly below?: number;
  readonly unit?: string;
  /** Said in place of "must be at least min" when the reason matters. */
  readonly why?: string;
}

function bounds({ min, max, above, below, why }: Range) {
  return [
    ...(min === undefined ? [] : [v.minValue<number, number, string>(min, why ?? `must be at least ${min}`)]),
    ...(max === undefined ? [] : [v.maxValue<number, number, string>(max, `must be at most ${max}`)]),
    ...(above === undefined ? [] : [v.gtValue<number, number, string>(above, `must be greater than ${above}`)]),
    ...(below === undefined ? [] : [v.ltValue<number, number, string>(below, `must be less than ${below}`)]),
  ];
}
const bounded = (range: Range) => v.pipe(v.number('must be a number'), ...bounds(range));
const boundedWhole = (range: Range) =>
  v.pipe(v.number('must be a number'), v.integer('must be a whole number'), ...bounds(range));
export const real = (description: string, range: Range) =>
  v.pipe(bounded(range), v.description(description), v.metadata({ unit: range.unit }));
export const whole = (description: string, range: Range) =>
  v.pipe(boundedWhole(range), v.description(description), v.metadata({ unit: range.unit }));
const realOrNull = (description: string, range: Range) =>
  v.pipe(v.nullable(bounded(range)), v.description(description), v.metadata({ unit: range.unit }));
const wholeOrNull = (description: string, range: Range) =>
  v.pipe(v.nullable(boundedWhole(range)), v.description(description), v.metadata({ unit: range.unit }));
const flag = (description: string) => v.pipe(v.boolean(), v.description(description));
const text = (description: string) =>
  v.pipe(v.string(), v.minLength(1, 'must not be empty'), v.description(description));
export const choice = <const O extends readonly string[]>(description: string, options: O) =>
  v.pipe(v.picklist(options), v.description(description));

export const Method = choice(
  'The training algorithm: latro (LaTRO eq. 4), or a baseline run by the same engine: sft (supervised fine-tuning), rejection-sampling (fine-tuning on sampled rationales that reach the right answer), grpo (0/1 verifier reward); or, with reasoning strategies, ssft (set supervised fine-tuning, 2510.05132) and gfpo (policy gradient on the forking token only).',
  ['latro', 'sft', 'rejection-sampling', 'grpo', 'ssft', 'gfpo'],
);
export type Method = v.InferOutput<typeof Method>;

export const PresetName = choice(
  'Where every setting that is left out gets its value: latro-paper as published (arXiv 2411.04282), latro-corrected with the fixes this project recommends.',
  ['latro-paper', 'latro-corrected'],
);
export type PresetName = v.InferOutput<typeof PresetName>;

export const DatasetFormat = choice('How rows are laid out; auto looks at the first row, columns uses mapping.', [
  'auto',
  'gsm8k',
  'arc-challenge',
  'svamp',
  'multiarith',
  'last-letters',
  'coin-flip',
  'starter',
  'columns',
]);
export type DatasetFormat = v.InferOutput<typeof DatasetFormat>;

export const required = {
  model: text('Hugging Face model folder (config.json, model.safetensors, tokenizer.json).'),
  adapter: v.optional(text('PEFT adapter folder to start from.')),
};

const rowSlice = v.pipe(
  v.string(),
  v.regex(/^\d*:\d*$/, 'must be a slice such as "0:480" (0-based, end excluded, either side may be left out)'),
  v.description('Rows to use, as "start:end": 0-based, start included, end excluded; either side may be left out.'),
);
export const datasetFiles = {
  train: text('Training questions: a .jsonl, .json or .parquet file.'),
  validation: v.optional(
    text('Questions that choose the best checkpoint. Left out: held out of train (see holdOutFraction).'),
  ),
  test: v.optional(text('Questions for the evaluation before and after the run. Never used to choose anything.')),
  rows: v.optional(
    v.pipe(
      v.strictObject({ train: v.optional(rowSlice), validation: v.optional(rowSlice), test: v.optional(rowSlice) }),
      v.description('Which rows of each file to use, so that one file can serve as train and test.'),
    ),
  ),
  mapping: v.optional(
    v.pipe(
      v.strictObject({
        question: text('Column that holds the question.'),
        answer: text('Column that holds the gold answer.'),
        choices: v.optional(text('Column that holds the answer choices.')),
        rationale: v.optional(
          text('Column that holds a gold rationale (method sft), or a list of them (method ssft).'),
        ),
        context: v.optional(text('Column that holds a passage put before the question.')),
      }),
      v.description('Which column is what, for format "columns". A dotted name reaches into objects: "choices.text".'),
    ),
  ),
};
export const dataset = {
  format: DatasetFormat,
  answers: choice(
    'How an answer is judged: as a number, as one of the choices, as an exact string, or as free text (chrF, ROUGE-L).',
    ['auto', 'number', 'choice', 'exact', 'free-text'],
  ),
  holdOutFraction: real(
    'Part of train kept out of training to choose the best checkpoint; unused when validation is given. 0: the last checkpoint is used.',
    { min: 0, max: 0.5, unit: 'fraction of the training questions' },
  ),
};

export const templates = {
  style: choice(
    "chat: through the model's chat template; plain: text only; auto: chat when the model has a chat template.",
    ['auto', 'chat', 'plain'],
  ),
  trigger: v.pipe(v.string(), v.description('Words after the question that ask for a rationale.')),
  answer: v.pipe(
    v.string(),
    v.regex(/\{answer\}/, 'must contain {answer}'),
    v.description('y, the text scored after the rationale; {answer} is the gold answer. An end token follows it.'),
  ),
  separator: v.pipe(
    v.string(),
    v.description('Text between the rationale z and the answer template; it belongs to y.'),
  ),
  prompt: v.optional(
    v.pipe(
      v.string(),
      v.regex(/\{question\}/, 'must contain {question}'),
      v.description(
        "x, the prompt: {question}, {choices}, {context} and {trigger} are filled in. Left out: the format's own prompt.",
      ),
    ),
  ),
};

export const loraKind = v.pipe(
  v.literal('lora'),
  v.description('Train low-rank adapters; the base model stays as it is.'),
);
export const fullKind = v.pipe(
  v.literal('full'),
  v.description('Train every parameter: at least 16 bytes of memory per parameter.'),
);
export const lora = {
  rank: whole('Rank r of the adapter: ΔW = (alpha / r) · B · A.', { min: 1, max: 1024 }),
  alpha: real('Scale of the adapter, divided by its rank (by √rank with rslora).', { above: 0 }),
  dropout: real('Dropout before A during the training step. Rationales are always sampled and scored without it.', {
    min: 0,
    below: 1,
    unit: 'probability',
  }),
  targets: v.pipe(
    v.union([v.literal('all-linear'), v.pipe(v.array(v.pipe(v.string(), v.minLength(1))), v.minLength(1))]),
    v.description(
      'Which linear layers get an adapter: all of them but the output head, or a list such as ["q_proj", "v_proj"].',
    ),
  ),
  rslora: flag('Rank-stabilised LoRA (arXiv 2312.03732): scale alpha / √rank.'),
};

export const sampling = {
  rationalesPerQuestion: whole('K, rationales sampled per question at each update.', {
    min: 2,
    max: 256,
    unit: 'rationales',
    why: 'must be at least 2: the leave-one-out baseline of a rationale is the mean reward of its siblings, and one rationale alone has none',
  }),
  temperature: real(
    'T, sampling temperature. At any value but 1 the samples are off-policy: log-probabilities are always those of the model itself.',
    { above: 0, max: 10 },
  ),
  topP: real('Nucleus sampling: the smallest set of tokens with this probability mass. 1: off.', { above: 0, max: 1 }),
  topK: whole('Sample among this many most likely tokens. 0: off.', { min: 0, unit: 'tokens' }),
  maxRationaleTokens: whole('L, longest rationale; one that has not ended by then counts as truncated.', {
    min: 1,
    unit: 'tokens',
  }),
  minRationaleTokens: whole('A shorter rationale is treated as unfinished. 0: off.', { min: 0, unit: 'tokens' }),
  stopPhrases: v.pipe(
    v.array(v.pipe(v.string(), v.minLength(1))),
    v.description(
      'Texts that end a rationale, found in the decoded text whatever the letter case. The phrase and what follows it are not part of z.',
    ),
  ),
  countStopTokens: flag(
    'Count the token that ends a rationale in log π(z|x), so that the decision to stop gets a gradient.',
  ),
};

export const reward = {
  kind: choice(
    'R(z): log-probability Σ log π(y|x⊕z) (LaTRO), probability π(y|x⊕z) (VeriFree, 2505.21493), mean-token-probability (RLPR, 2506.18254), jepo the multi-sample bound (2503.19618).',
    ['log-probability', 'probability', 'mean-token-probability', 'jepo'],
  ),
  over: choice(
    "Which tokens of y the reward is made of: all, or the answer's own without “The answer is” and the end token.",
    ['answer-and-template', 'answer'],
  ),
  subtractNoRationale: flag(
    'Subtract the same score without any rationale: the reward becomes what the rationale adds.',
  ),
  spreadWeights: flag(
    'Weight answer tokens by how much they vary across the K rationales (DRO/R3, 2506.13351). Needs kind log-probability.',
  ),
  klCoefficient: real('β in R − β · (log π(z|x) − log π₀(z|x)), at sequence level, against the frozen start model.', {
    min: 0,
  }),
  truncationRule: choice(
    "Reward of a truncated rationale: question-minimum, lowest finished reward of its question − penalty (none finished: all equal, no signal); batch-mean, penalty × mean reward of the batch (as the paper's code); none.",
    ['question-minimum', 'batch-mean', 'none'],
  ),
  truncationPenalty: real('γ of the truncation rule.', {
    min: 0,
    unit: 'as the reward with question-minimum (nats with log-probabilities), a factor with batch-mean',
  }),
  standardDeviationFilter: realOrNull(
    'Skip a question when the standard deviation of its K rewards is below this factor × its moving average (RLPR: 0.5). null: off.',
    { above: 0 },
  ),
  advantageClip: realOrNull(
    "Divide advantages by their question's standard deviation and clip them to ± this value (JEPO, 2503.19618: 1). null: off.",
    { above: 0, unit: "standard deviations of the question's advantages" },
  ),
};

export const sftWeight = v.pipe(
  v.union([v.pipe(v.number(), v.minValue(0)), v.literal('answer-probability')]),
  v.description(
    'c_sft, weight of ∇ log π(y|x⊕z) beside the policy gradient. 1: eq. 4, unbiased for kind log-probability. "answer-probability": π(y|x⊕z) (VeriFree), unbiased for kind probability.',
  ),
);

export const sft = {
  target: choice(
    'What method sft learns to write: gold rationale and answer, or the answer alone; auto: the rationale when the dataset has one.',
    ['auto', 'rationale-and-answer', 'answer'],
  ),
};

export const ratings = {
  rewardBonus: real(
    'Added to the reward of a sampled rationale that a person rated useful, subtracted from one rated wrong or leaking (method latro). 0: off.',
    {
      min: 0,
      unit: 'nats with log-probability rewards',
    },
  ),
  trainOnApproved: flag(
    'Rationales a person rated useful join the supervised term, each weighing as much as one sampled rationale (method latro).',
  ),
};

export const optimizer = {
  learningRate: real('η, peak learning rate of AdamW.', { above: 0, max: 1 }),
  schedule: choice('How the learning rate falls over the run, after warm-up.', ['linear', 'cosine', 'constant']),
  warmupSteps: whole('Updates over which the learning rate rises linearly from 0.', { min: 0, unit: 'updates' }),
  beta1: real('AdamW: decay of the first moment.', { min: 0, below: 1 }),
  beta2: real('AdamW: decay of the second moment.', { min: 0, below: 1 }),
  epsilon: real('AdamW: added to the root of the second moment.', { above: 0 }),
  weightDecay: real('AdamW: decoupled weight decay, multiplied by the learning rate.', { min: 0 }),
  gradientClip: realOrNull(
    'Largest 2-norm of all gradients together; a larger gradient is scaled down to it. null: off.',
    { above: 0 },
  ),
};

export const evaluation = {
  every: wholeOrNull(
    'Evaluate the validation questions after every this many updates. null: only before and after the run.',
    {
      min: 1,
      unit: 'updates',
    },
  ),
  k: whole('Samples per question for maj@k and pass@k. 0: greedy only.', { min: 0, max: 1024, unit: 'samples' }),
  temperature: real('Temperature of those samples.', { above: 0, max: 10 }),
  maxTokens: whole('Longest completion.', { min: 1, unit: 'tokens' }),
  extractor: choice(
    "How an answer is found in a text and compared with the gold one, in training too. reference: LaTRO's code with its false positives and negatives, for comparing figures with the paper's; corrected: without them.",
    ['corrected', 'reference'],
  ),
  questions: wholeOrNull('Evaluate at most this many questions, from the top. null: all.', {
    min: 1,
    unit: 'questions',
  }),
};

export const checkpoints = {
  every: whole('Save a checkpoint after every this many updates.', { min: 1, unit: 'updates' }),
  keep: whole('Newest checkpoints to keep; the best one and the one the run was resumed from are kept besides.', {
    min: 2,
    unit: 'checkpoints',
    why: 'must be at least 2: the previous checkpoint is what a damaged one falls back on',
  }),
};

/** What a run watches for. */
export const HealthCheck = v.picklist([
  'length-collapse',
  'truncation',
  'template-learning',
  'answer-leak',
  'guessing',
  'hedging',
  'zero-variance',
  'kl-drift',
]);
export type HealthCheck = v.InferOutput<typeof HealthCheck>;
export const health = {
  stopOn: v.pipe(
    v.array(HealthCheck),
    v.description('Health warnings that stop the run (a checkpoint is kept). Others are only shown.'),
  ),
};

export const top = {
  questionsPerStep: whole('Questions per update, K rationales each.', { min: 1, unit: 'questions' }),
  steps: wholeOrNull('Length of the run in updates. Give either steps or epochs.', { min: 1, unit: 'updates' }),
  epochs: realOrNull('Length of the run in passes over the training questions. Give either steps or epochs.', {
    above: 0,
    unit: 'passes',
  }),
  tokenBudget: whole(
    'Tokens per micro-batch, padding included. Changes memory and speed, not results: gradients are accumulated.',
    {
      min: 1,
      unit: 'tokens',
    },
  ),
  recompute: flag(
    'Keep only what enters each layer for the backward pass and compute the rest once more: memory of one layer instead of all, for about half as much time again.',
  ),
  seed: whole('Every random number follows from it.', { min: 0, max: 4294967295 }),
  device: choice(
    'Where the model computes. auto: the fastest device that keeps weights in its memory (WebGPU) and multiplies at least twice as fast as the CPU, else the CPU; others have to be named. latro devices lists what is there.',
    ['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml'],
  ),
  precision: choice(
    'What frozen weights are held in. float16, on a graphics card, with the activations computed with them: half the memory, about three digits. int8, on the CPU, for linear layers while an adapter is trained: a quarter of their memory, sampling about 1.6 times as fast; the reference policy has the same weights, and the run says what that costs in accuracy. Adapters, moments, normalisation, softmax and log-probabilities are always float32, and so is full fine-tuning. auto: float16 for a model that is stored in half precision, where the device multiplies it at least 1.5 times as fast and sums it in float32, which latro devices says; else float32.',
    ['auto', 'float32', 'float16', 'int8'],
  ),
  threads: whole('CPU threads; 0: one per core. Resume is bit-exact only with the same number.', {
    min: 0,
    max: 1024,
    unit: 'threads',
  }),
  outputDirectory: text('Folder that receives the run directories.'),
};
