/**
 * Defaults of `latro.json`: two presets side by side, each value with where it comes from.
 * `latro-paper` is LaTRO as published; `latro-corrected` differs only where the last column says why.
 */
import type { LoraSettings, RunConfig } from './run_config.ts';
import type { PresetName } from './run_config_fields.ts';
import { GFPO_DEFAULTS, SSFT_DEFAULTS, STRATEGIES_DEFAULTS } from './run_config_strategies.ts';
import { PAPER_STOP_PHRASES, STOP_PHRASES } from './stop_phrases.ts';

/** One setting in both presets, and where the values come from. `arcChallenge`: both presets' value on ARC-Challenge. */
export interface PresetRow<T> {
  readonly 'latro-paper': T;
  readonly 'latro-corrected': T;
  readonly source: string;
  readonly arcChallenge?: T;
}

function row<T>(paper: T, corrected: T, source: string, arcChallenge?: NoInfer<T>): PresetRow<T> {
  return {
    'latro-paper': paper,
    'latro-corrected': corrected,
    source,
    ...(arcChallenge === undefined ? {} : { arcChallenge }),
  };
}

const both = <T>(value: T, source: string): PresetRow<T> => row(value, value, source);

type Rows<T, Without extends PropertyKey = never> = { readonly [K in Exclude<keyof T, Without>]-?: PresetRow<T[K]> };

const PAPER = 'LaTRO §5.1';
const CODE = 'LaTRO reference code';
const SSFT_CODE = 'SSFT evaluation code';
const OURS = 'our choice; no source';

export const PRESET_SECTIONS: {
  readonly dataset: Rows<RunConfig['dataset'], 'train' | 'validation' | 'test' | 'rows' | 'mapping'>;
  readonly templates: Rows<RunConfig['templates'], 'prompt'>;
  readonly sampling: Rows<RunConfig['sampling']>;
  readonly reward: Rows<RunConfig['reward']>;
  readonly sft: Rows<RunConfig['sft']>;
  readonly strategies: Rows<RunConfig['strategies']>;
  readonly ssft: Rows<RunConfig['ssft']>;
  readonly gfpo: Rows<RunConfig['gfpo']>;
  readonly ratings: Rows<RunConfig['ratings']>;
  readonly optimizer: Rows<RunConfig['optimizer'], 'learningRate'>;
  readonly evaluation: Rows<RunConfig['evaluation']>;
  readonly checkpoints: Rows<RunConfig['checkpoints']>;
  readonly health: Rows<RunConfig['health']>;
} = {
  dataset: {
    format: row('auto', 'auto', OURS),
    answers: row('auto', 'auto', OURS),
    holdOutFraction: row(
      0.1,
      0.1,
      'ours; the paper chooses its checkpoint on the test split, which this engine never does',
    ),
  },
  templates: {
    style: row('auto', 'auto', CODE),
    trigger: row("Let's think step by step.", "Let's think step by step.", CODE),
    answer: row('The answer is {answer}.', 'The answer is {answer}.', CODE),
    separator: row(
      '',
      '\n',
      'paper: none; ours: a fixed boundary, because an unstable one destabilises training (VeriFree 2505.21493)',
    ),
  },
  sampling: {
    rationalesPerQuestion: row(16, 16, PAPER),
    temperature: row(1, 1, PAPER),
    topP: row(1, 1, CODE),
    topK: row(0, 0, CODE),
    maxRationaleTokens: row(500, 500, PAPER),
    minRationaleTokens: row(0, 8, 'paper: none; ours: an empty or trivial rationale counts as unfinished'),
    stopPhrases: row(PAPER_STOP_PHRASES, STOP_PHRASES, `${CODE}, matched as text; ours: more ways to say it`),
    countStopTokens: row(false, true, `${CODE} drops them; ours: without them nothing teaches the model to stop`),
  },
  reward: {
    kind: row('log-probability', 'log-probability', 'LaTRO eq. 3'),
    over: row(
      'answer-and-template',
      'answer',
      "LaTRO eq. 3; ours: the answer's own tokens, the template is reported apart",
    ),
    subtractNoRationale: row(false, false, 'LaTRO eq. 4'),
    spreadWeights: row(false, false, 'LaTRO eq. 4'),
    klCoefficient: row(0.05, 0.05, `${PAPER}: 0.05 on GSM8K, 0.25 on ARC-Challenge`, 0.25),
    truncationRule: row(
      'batch-mean',
      'question-minimum',
      `${CODE}; ours: with batch-mean, truncating a hard question can pay`,
    ),
    truncationPenalty: row(2, 2, PAPER),
    standardDeviationFilter: row(null, null, 'LaTRO eq. 4; RLPR (2506.18254) uses 0.5'),
    advantageClip: row(null, null, 'LaTRO eq. 4; JEPO (2503.19618) clips'),
  },
  sft: { target: row('auto', 'auto', `${CODE} (sft_baseline.py): rationale on GSM8K, answer on ARC`) },
  strategies: {
    count: both(STRATEGIES_DEFAULTS.count, 'LaTRO has none; SSFT: 6 with 4 traces'),
    carrier: both(STRATEGIES_DEFAULTS.carrier, SSFT_CODE),
    tag: both(STRATEGIES_DEFAULTS.tag, SSFT_CODE),
    weighting: both(STRATEGIES_DEFAULTS.weighting, OURS),
  },
  ssft: {
    matching: both(SSFT_DEFAULTS.matching, 'SSFT (2510.05132) eq. 2'),
    source: both(SSFT_DEFAULTS.source, 'SSFT: several teachers; ours: its own samples where there are none'),
    traces: both(SSFT_DEFAULTS.traces, 'SSFT: 4 traces, 6 strategies'),
    prefixTokens: both(SSFT_DEFAULTS.prefixTokens, 'ours: 64 to 256 for short rationales; SSFT: about 1,000'),
    rewardWeight: both(SSFT_DEFAULTS.rewardWeight, OURS),
    answerWeight: both(SSFT_DEFAULTS.answerWeight, 'SSFT: a trace ends with its answer'),
  },
  gfpo: {
    form: both(GFPO_DEFAULTS.form, 'ours: no sampling noise over the tags; GFPO draws them'),
    reward: both(GFPO_DEFAULTS.reward, 'ours: no verifier needed; GFPO has one'),
    advantage: both(GFPO_DEFAULTS.advantage, 'ours: self-rewards are continuous; GFPO follows GRPO'),
    entropyFloor: both(GFPO_DEFAULTS.entropyFloor, 'ours: against collapse onto one tag; not in the paper'),
    entropyCoefficient: both(GFPO_DEFAULTS.entropyCoefficient, OURS),
  },
  ratings: {
    rewardBonus: row(0, 1, 'ours; the paper has no ratings'),
    trainOnApproved: row(false, true, 'ours; the paper has no ratings'),
  },
  optimizer: {
    schedule: row('linear', 'linear', PAPER),
    warmupSteps: row(0, 0, PAPER),
    beta1: row(0.9, 0.9, `${CODE} (Hugging Face default)`),
    beta2: row(0.999, 0.999, `${CODE} (Hugging Face default)`),
    epsilon: row(1e-8, 1e-8, `${CODE} (Hugging Face default)`),
    weightDecay: row(0, 0, `${CODE} (Hugging Face default)`),
    gradientClip: row(null, 1, `${CODE}: none; ours: 1.0 as in 2602.03979`),
  },
  evaluation: {
    every: row(20, 20, `${CODE}: 6 evaluations in 117 updates`),
    k: row(8, 8, 'LaTRO §5.1: maj@8'),
    temperature: row(1, 1, 'LaTRO §5.1'),
    maxTokens: row(500, 500, 'LaTRO §5.1'),
    extractor: row(
      'reference',
      'corrected',
      `${CODE} (eval_utils.py:163-233); ours: without its false positives and negatives`,
    ),
    questions: row(null, null, OURS),
  },
  checkpoints: { every: row(10, 10, OURS), keep: row(3, 3, OURS) },
  health: { stopOn: row([], [], OURS) },
};

export const PRESET_TOP: Rows<
  Pick<
    RunConfig,
    | 'sftWeight'
    | 'questionsPerStep'
    | 'epochs'
    | 'steps'
    | 'tokenBudget'
    | 'recompute'
    | 'seed'
    | 'device'
    | 'precision'
    | 'threads'
    | 'outputDirectory'
  >
> = {
  sftWeight: row(1, 1, 'LaTRO eq. 4 (its code ships 0, which makes the estimator wrong)'),
  questionsPerStep: row(24, 8, `${CODE}: 3 per device on 8 devices; ours: 8 as in 2602.03979`),
  steps: row(null, null, 'epochs decide'),
  epochs: row(6, 6, `${PAPER}: at most 6 on GSM8K, 12 on ARC-Challenge`, 12),
  tokenBudget: row(1024, 1024, 'our choice: larger ones measured slower, and take memory in proportion'),
  recompute: row(false, false, OURS),
  seed: row(42, 42, `${CODE} (Hugging Face default)`),
  device: row('auto', 'auto', OURS),
  precision: row('auto', 'auto', `${OURS}; full fine-tuning is always float32`),
  threads: row(0, 0, OURS),
  outputDirectory: row('.latro/runs', '.latro/runs', OURS),
};

/** What is trained: the paper trains everything; on one's own machine an adapter fits where full fine-tuning does not. */
export const PRESET_TRAINABLE: PresetRow<'lora' | 'full'> = row(
  'full',
  'lora',
  `${PAPER}; ours: an adapter fits one's own machine`,
);

export const PRESET_LORA: Rows<LoraSettings, 'kind'> = {
  rank: row(16, 16, 'NOVER (2505.16022)'),
  alpha: row(32, 32, 'our choice: 2 × rank'),
  dropout: row(0, 0, `${CODE} disables dropout`),
  targets: row('all-linear', 'all-linear', OURS),
  rslora: row(false, false, OURS),
};

/** The learning rate follows what is trained, in both presets. No source covers models below 1B: sweep it. */
export const LEARNING_RATE = {
  full: { value: 5e-7, source: `${PAPER}` },
  lora: { value: 1e-5, source: 'NOVER (2505.16022), LoRA rank 16' },
} as const;

export function presetValue<T>(preset: PresetName, entry: PresetRow<T>, arcChallenge: boolean): T {
  return arcChallenge && entry.arcChallenge !== undefined ? entry.arcChallenge : entry[preset];
}
