/**
 * One whole LaTRO update with the sizes of the reference measurement: 8 questions × K = 8, prompt 48, rationale 64, answer 8 tokens. It
 * samples, scores answers on the cache and rationales under π_0, weighs, takes the gradient and steps AdamW, with the functions that
 * training runs with.
 */
import { latroBatchUpdate } from '../../src/engine/latro/objective.ts';
import { splitParts } from '../../src/engine/latro/reward.ts';
import { storedConfig } from '../../src/engine/model/config.ts';
import type { LanguageModel } from '../../src/engine/model/language_model.ts';
import { createOptimizer } from '../../src/engine/optimize/create_optimizer.ts';
import type { Optimizer } from '../../src/engine/optimize/optimizer.ts';
import type { EncodedQuestion } from '../../src/engine/training/question_encoder.ts';
import { rollOut, trainingGroup, withReference } from '../../src/engine/training/rollout.ts';
import type { Floors } from './floors.ts';
import { forwardProducts, leastDecodeSeconds, sampling, tokens } from './stages.ts';

export const UPDATE = { questions: 8, rationales: 8, prompt: 48, rationale: 64, answer: 8 } as const;
export type UpdateSizes = { readonly [Size in keyof typeof UPDATE]: number };

/** Wall-clock seconds of each phase of an update. */
export interface UpdatePhases {
  /** Prefill, decoding and drawing. */
  readonly generate: number;
  /** log π(y|x,z) on the cache that sampling left, and log π(y|x). */
  readonly scoreAnswers: number;
  /** log π_0(z|x). */
  readonly scoreReference: number;
  /** Rewards, advantages, weights. */
  readonly weigh: number;
  readonly train: number;
  readonly optimizer: number;
}

export interface UpdateTiming {
  readonly seconds: number;
  readonly phases: UpdatePhases;
  /** Share of the seconds that was not spent inside onnxruntime. */
  readonly overhead: number;
}

/** Settings of the gradient: clipping, AdamW and the KL coefficient. */
const OPTIMIZER = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };
const BETA = 0.05;

export function question(model: LanguageModel, sizes: UpdateSizes, q: number): EncodedQuestion {
  return {
    row: { line: q + 1, rowKey: String(q).padStart(16, '0'), question: '', answer: '' },
    prompt: '',
    promptIds: tokens(model.config, sizes.prompt, q),
    answer: '',
    answerIds: tokens(model.config, sizes.answer, 100 + q),
    answerParts: Array.from({ length: sizes.answer }, () => 'answer' as const),
  };
}

/**
 * @param tokenBudget of a gradient's or a score's run
 * @param stopTokenIds none: every rationale is as long as it may be, so that every machine computes the same number of tokens
 */
export async function timedUpdate(
  model: LanguageModel,
  optimizer: Optimizer,
  sizes: UpdateSizes,
  step: number,
  tokenBudget: number,
  stopTokenIds: ReadonlySet<number> = new Set(),
): Promise<UpdateTiming> {
  const clock = (): number => performance.now() / 1000;
  const inside = { ...model.programs.secondsInside };
  const spent = (name: keyof typeof inside): number => model.programs.secondsInside[name] - inside[name];
  const start = clock();

  const questions = Array.from({ length: sizes.questions }, (_, q) => question(model, sizes, q));
  const rollout = {
    generate: { ...sampling(sizes.rationale, 64), stopTokenIds },
    rationales: sizes.rationales,
    countStopTokens: true,
    tokenBudget,
  };
  const newStopDetector = () => ({ push: () => null });
  const drawn = await rollOut(model, questions, rollout, { seed: 1, step }, null, newStopDetector);
  const generated = clock();
  const sampled = await withReference(drawn, true, (groups) =>
    model.score(groups, { policy: 'reference', tokenBudget }),
  );
  const scored = clock();

  const updates = latroBatchUpdate(
    sampled.map(({ encoded, rationales }) => ({
      rationales: rationales.map((rationale) => ({
        tokens: rationale.ids.length,
        stopReason: rationale.stopReason,
        logProb: rationale.logProb,
        referenceLogProb: rationale.referenceLogProb,
        scores: splitParts(rationale.answerLogProbs, encoded.answerParts),
      })),
      noRationale: null,
    })),
    {
      reward: { kind: 'log-probability', over: 'answer-and-template', subtractNoRationale: false },
      beta: BETA,
      truncation: { rule: 'none' },
      minTokens: 0,
      answerTerm: { type: 'constant', coefficient: 1 },
      answerTermOnUnfinished: true,
      advantageClip: null,
    },
  );
  const groups = sampled.map((one, q) => trainingGroup(one, updates[q]!.rationales, true));
  const weighed = clock();
  await optimizer.gradient(groups, { tokenBudget });
  const trained = clock();
  await optimizer.update(1e-5, 1);
  const end = clock();

  const scoreAnswers = spent('extend-score');
  const busy = (Object.keys(inside) as (keyof typeof inside)[]).reduce((sum, name) => sum + spent(name), 0);
  return {
    seconds: end - start,
    phases: {
      generate: generated - start - scoreAnswers,
      scoreAnswers,
      scoreReference: scored - generated,
      weigh: weighed - scored,
      train: trained - weighed,
      optimizer: end - trained,
    },
    overhead: 1 - busy / (end - start),
  };
}

export const newOptimizer = (model: LanguageModel): Optimizer => createOptimizer(model, OPTIMIZER);

/** Seconds that an update cannot go below: every token once through every matrix it needs, decoding token by token. */
export function leastUpdateSeconds(model: LanguageModel, sizes: UpdateSizes, floors: Floors): number {
  const config = storedConfig(model.config);
  const rows = sizes.questions * sizes.rationales;
  const prompts = sizes.questions * sizes.prompt;
  const drawn = rows * sizes.rationale;
  const answered = rows * sizes.answer;
  const prefill = forwardProducts(config, prompts, sizes.questions);
  const answers = forwardProducts(config, answered, answered);
  const reference = forwardProducts(config, prompts + drawn, drawn);
  const gradient = 2 * forwardProducts(config, prompts + drawn + answered, drawn + answered);
  return (
    (prefill + answers + reference + gradient) / (floors.matmulGflops * 1e9) +
    (sizes.rationale - 1) * leastDecodeSeconds(config, rows, floors, model.programs.precision)
  );
}
