/** The fields of `latro.json` about reasoning strategies: their tags, the methods that learn them, and runs that chain methods. */
import * as v from 'valibot';
import { choice, Method, real, whole } from './run_config_fields.ts';

export const strategies = {
  count: whole(
    'N, reasoning strategies: each has a tag of its own, the first tokens of the rationale (2510.05132). 0: off.',
    { min: 0, max: 64, unit: 'strategies' },
  ),
  carrier: choice(
    'What a tag is made of: text, ordinary tokens; embedding, one learned row per tag beside the vocabulary (ids V … V+N−1).',
    ['text', 'embedding'],
  ),
  tag: v.pipe(
    v.string(),
    v.regex(/\{n\}/, 'must contain {n}'),
    v.description("A strategy's tag; {n} is its number from 1."),
  ),
  weighting: choice(
    "With method latro, the weight of a tag's rationales: equal (1/N, trains all strategies alike) or probability (the model's own p_i, the true objective).",
    ['equal', 'probability'],
  ),
};

export const ssft = {
  matching: choice(
    'Which tag learns which trace: matched, the assignment of least cost per question and step (eq. 2); random, a control, drawn anew each step; mixed, a control, plain fine-tuning on all traces without any tag.',
    ['matched', 'random', 'mixed'],
  ),
  source: choice(
    'Where traces come from: dataset (rows with several rationales), sampled (the model itself: right, gaining information, without a leak, and as different as possible); auto: dataset where rows have several.',
    ['auto', 'dataset', 'sampled'],
  ),
  traces: whole('M, most traces per question and step; at most the number of strategies.', {
    min: 1,
    max: 64,
    unit: 'traces',
  }),
  prefixTokens: whole("L', how many of a trace's first tokens the matching looks at.", { min: 1, unit: 'tokens' }),
  rewardWeight: real(
    'λ when choosing among sampled traces: 1, by self-reward alone; 0, by how different they are alone.',
    { min: 0, max: 1 },
  ),
  answerWeight: real(
    'Weight of the answer segment beside the trace. 1: the trace is learned with its answer, as published.',
    { min: 0 },
  ),
};

export const gfpo = {
  form: choice(
    'The gradient at the forking token: exact, the expectation over the N tags, each sampled equally often; sampled, tags drawn from the model as published.',
    ['exact', 'sampled'],
  ),
  reward: choice(
    'What a rationale earns its tag: self-reward, see reward; verifier, 1 when the stated answer is right.',
    ['self-reward', 'verifier'],
  ),
  advantage: choice(
    'With form sampled: leave-one-out keeps the scale of the rewards, group-normalised divides by their standard deviation (GRPO).',
    ['leave-one-out', 'group-normalised'],
  ),
  entropyFloor: real(
    "Least entropy of the tags' probabilities, as a share of log N: below it they are pushed apart again. 0: off.",
    { min: 0, max: 1 },
  ),
  entropyCoefficient: real('How strongly they are pushed.', { min: 0, unit: 'reward per nat of missing entropy' }),
};

/** One stage of a chained run. */
export const stage = {
  method: Method,
  steps: whole('Updates of this stage.', { min: 1, unit: 'updates' }),
  learningRate: v.optional(real('η of this stage. Left out: optimizer.learningRate.', { above: 0, max: 1 })),
  questionsPerStep: v.optional(
    whole('Questions per update of this stage. Left out: questionsPerStep.', { min: 1, unit: 'questions' }),
  ),
  rationalesPerQuestion: v.optional(
    whole('K of this stage. Left out: sampling.rationalesPerQuestion.', { min: 2, max: 256, unit: 'rationales' }),
  ),
};
export const stages = v.pipe(
  v.array(v.strictObject(stage)),
  v.description(
    'Methods run one after another in one run, each from the weights the one before it ended with, with π₀, AdamW and the learning-rate schedule (warm-up too) begun anew. Takes the place of method, steps and epochs. Left out: one method.',
  ),
);

type Values<E extends v.ObjectEntries> = { -readonly [K in keyof E]: v.InferOutput<E[K]> };

/** The same in both presets (LaTRO has no strategies); also what a run recorded before there were any stands for. */
export const STRATEGIES_DEFAULTS: Values<typeof strategies> = {
  count: 0,
  carrier: 'text',
  tag: '<think{n}>\n',
  weighting: 'equal',
};
export const SSFT_DEFAULTS: Values<typeof ssft> = {
  matching: 'matched',
  source: 'auto',
  traces: 4,
  prefixTokens: 128,
  rewardWeight: 0.5,
  answerWeight: 1,
};
export const GFPO_DEFAULTS: Values<typeof gfpo> = {
  form: 'exact',
  reward: 'self-reward',
  advantage: 'leave-one-out',
  entropyFloor: 0.2,
  entropyCoefficient: 1,
};
