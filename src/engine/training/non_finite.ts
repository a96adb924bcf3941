/** NaN and infinity are named by the question they arose on: the run stops there, and nothing of that update is kept. */
import { LatroError } from '../common/errors.ts';
import type { Precision } from '../graph/precision.ts';
import type { PromptGroup } from '../model/packing.ts';
import type { Gradient } from '../optimize/optimizer.ts';
import { LAST_GOOD_CHECKPOINT } from '../runs/run_writer.ts';
import type { SampledQuestion } from './rollout.ts';

/** @throws LatroError `non-finite` naming the line of the first question with a log-probability that is no finite number */
export function requireFiniteSamples(questions: readonly SampledQuestion[], step: number): void {
  for (const { encoded, rationales, answerLogProbsWithoutRationale: bare } of questions) {
    const values = rationales.flatMap(({ logProb, referenceLogProb, answerLogProbs }) => [
      logProb,
      referenceLogProb ?? 0,
      ...answerLogProbs,
    ]);
    const bad = [...bare, ...values].find((value) => !Number.isFinite(value));
    if (bad === undefined) continue;
    throw nonFinite(
      `A log-probability is ${bad} in update ${step}, on the question of line ${encoded.row.line}.`,
      step,
    );
  }
}

/** The same for the scores of one evaluated question. */
export function requireFiniteScores(scores: readonly number[], line: number): void {
  const bad = scores.find((value) => !Number.isFinite(value));
  if (bad === undefined) return;
  throw new LatroError(
    'non-finite',
    `A log-probability is ${bad} in an evaluation, on the question of line ${line}.`,
    'Look at the model that is evaluated, and at that question.',
  );
}

export function isFiniteGradient({ loss, scores, norm }: Gradient): boolean {
  return Number.isFinite(loss) && Number.isFinite(norm) && scores.flat(2).every(Number.isFinite);
}

/**
 * The error for an update whose gradient is not finite: asks `gradientOf` for each group's own gradient to find the question at fault.
 * @param lines of each group's question
 */
export async function nonFiniteUpdate(
  step: number,
  groups: readonly PromptGroup[],
  lines: readonly number[],
  gradientOf: (group: PromptGroup) => Promise<Gradient>,
): Promise<LatroError> {
  for (const [index, group] of groups.entries()) {
    const gradient = await gradientOf(group);
    if (isFiniteGradient(gradient)) continue;
    return nonFinite(
      `Loss (${gradient.loss}) or gradient (norm ${gradient.norm}) of update ${step} is not finite, on the question of line ${lines[index]}.`,
      step,
    );
  }
  return nonFinite(
    `The gradient of update ${step} is not finite, summed over the questions of lines ${lines.join(', ')}.`,
    step,
  );
}

/** @throws LatroError `non-finite` when an update has made a parameter NaN or infinite; `lines` of its questions */
export function requireFiniteParameters(
  parameters: Iterable<readonly [string, { readonly data: Float32Array }]>,
  step: number,
  lines: readonly number[],
): void {
  for (const [name, { data }] of parameters) {
    // Every weight at every update: a sum is all that is affordable, and it is finite if and only if they all are.
    let sum = 0;
    for (let i = 0; i < data.length; i++) sum += data[i]!;
    if (Number.isFinite(sum)) continue;
    const index = data.findIndex((value) => !Number.isFinite(value));
    throw nonFinite(
      `Update ${step}, on the questions of lines ${lines.join(', ')}, made ${name}[${index}] ${data[index]}.`,
      step,
    );
  }
}

/** An error that float16 may be to blame for, with that said. */
export function withPrecision(error: unknown, precision: Precision): unknown {
  if (precision === 'float32' || !(error instanceof LatroError) || error.code !== 'non-finite') return error;
  const nextStep = `The run computes in float16, which ends at 65504: precision 'float32' reaches further. ${error.nextStep}`;
  return new LatroError(error.code, error.reason, nextStep, { cause: error });
}

function nonFinite(reason: string, step: number): LatroError {
  const nextStep = step > 1 ? LAST_GOOD_CHECKPOINT : 'No update was made yet: look at the model and at that question.';
  return new LatroError('non-finite', reason, nextStep);
}
