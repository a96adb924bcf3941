/** What holding the frozen matrices in 8 bits costs a run, measured on its own questions before it begins. */
import type { RoundingCost } from '../../protocol/run_record.ts';
import { throwIfCancelled } from '../common/errors.ts';
import { availableMemory } from '../common/memory.ts';
import { parameterShapes } from '../model/config.ts';
import { generate } from '../model/generate.ts';
import { LanguageModel } from '../model/language_model.ts';
import { type PromptGroup, predictTokens } from '../model/packing.ts';
import { loadWeights } from '../model/weights.ts';
import { requireFiniteScores } from './non_finite.ts';
import type { Policy } from './policy.ts';
import type { EncodedQuestion } from './question_encoder.ts';

export const COST_QUESTIONS = 16;
const SAMPLED_TOKENS = 32;
/** The weights, and as much again for what computes with them. */
const BYTES_PER_WEIGHT = 8;

/**
 * Compares the base model of an int8 policy with the same model in float32, on whole prompts with their answers, and on rationales
 * that the int8 model draws.
 * @param questions at least one
 * @returns null when the float32 weights do not fit beside the others
 * @throws LatroError `non-finite`; Cancelled
 */
export async function measureRoundingCost(
  policy: Policy,
  questions: readonly EncodedQuestion[],
  programs: { readonly threads: number },
  signal?: AbortSignal,
): Promise<RoundingCost | null> {
  const { config, folder } = policy;
  const numbers = [...parameterShapes(config).values()].reduce(
    (sum, shape) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  if (BYTES_PER_WEIGHT * numbers > availableMemory()) return null;
  const options = { device: 'cpu', threads: programs.threads } as const;
  const exact = new LanguageModel(config, await loadWeights(folder, config), null, 'nothing', options);
  const rounded = new LanguageModel(config, policy.weights, null, 'nothing', { ...options, precision: 'int8' });
  try {
    const texts = questions.map(({ promptIds, answerIds }) => wholeText([...promptIds, ...answerIds]));
    const lines = questions.map(({ row }) => row.line);
    const [before, after] = [
      await logProbs(exact, texts, lines, signal),
      await logProbs(rounded, texts, lines, signal),
    ];
    const prompts = questions.map(({ promptIds }, key) => ({ prompt: promptIds, keys: [key] }));
    const drawn = (await generate(rounded, prompts, SAMPLING, () => ({ push: () => null }), { signal })).map(
      ({ samples: [sample] }) => sample!,
    );
    const again = drawn.map(
      ({ ids }, i): PromptGroup => ({
        prompt: questions[i]!.promptIds,
        continuations: [{ ids, predictions: predictTokens(ids) }],
      }),
    );
    return {
      questions: questions.length,
      tokens: before.length,
      perplexity: { float32: perplexity(before), int8: perplexity(after) },
      meanDifference: meanDistance(before, after),
      meanSampledDifference: meanDistance(
        await logProbs(exact, again, lines, signal),
        drawn.flatMap((sample) => sample.logProbs),
      ),
    };
  } finally {
    await exact.dispose();
    await rounded.dispose();
  }
}

/** "int8 weights: perplexity 8.12 → 8.15 (+0.4 %) on 16 questions, log π off by 0.03 nats a token, 0.05 while sampling." */
export function roundingCostText(cost: RoundingCost | null): string {
  if (cost === null) return 'int8 weights: too little memory is free to measure what they cost against float32.';
  const { float32, int8 } = cost.perplexity;
  const change = 100 * (int8 / float32 - 1);
  const shown = `${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(2)} %`;
  const nats = (value: number): string => value.toFixed(3);
  return `int8 weights: perplexity ${float32.toFixed(3)} → ${int8.toFixed(3)} (${shown}) on ${cost.questions} questions, log π off by ${nats(cost.meanDifference)} nats a token, by ${nats(cost.meanSampledDifference)} while sampling.`;
}

const SAMPLING = {
  temperature: 1,
  topP: 1,
  topK: 0,
  maxTokens: SAMPLED_TOKENS,
  maxAnswerTokens: 0,
  stopTokenIds: new Set<number>(),
  maxRows: COST_QUESTIONS,
};

/** Every token but the first is predicted. */
function wholeText([first, ...ids]: readonly number[]): PromptGroup {
  return { prompt: [first!], continuations: [{ ids, predictions: predictTokens(ids) }] };
}

/** @throws LatroError `non-finite` naming the line of the first question whose scores are no finite numbers; Cancelled */
async function logProbs(
  model: LanguageModel,
  groups: readonly PromptGroup[],
  lines: readonly number[],
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const scores: number[] = [];
  for (const [i, group] of groups.entries()) {
    throwIfCancelled(signal);
    const ofQuestion = (await model.score([group])).flat(2);
    requireFiniteScores(ofQuestion, lines[i]!);
    scores.push(...ofQuestion);
  }
  return scores;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const perplexity = (values: readonly number[]): number => Math.exp(-mean(values));
const meanDistance = (a: readonly number[], b: readonly number[]): number =>
  mean(a.map((value, i) => Math.abs(value - b[i]!)));
