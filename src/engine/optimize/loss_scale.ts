/** Gradients of float16 programs that are too large are taken again, smaller on their way. */
import type { LanguageModel, StepOptions } from '../model/language_model.ts';
import type { Gradient } from './optimizer.ts';

/** After the usual scale: steps of 2⁻⁸, as far as what is left of float16's range is worth having. */
const SMALLER = [2 ** -8, 2 ** -16];

/**
 * Micikevicius et al. 2018, §3.2, without its memory: each update begins with the usual loss scale, so that a resumed run takes the
 * same ones.
 * @param take the gradient once; its norm says whether all of it is finite
 */
export async function withLossScale(
  { programs }: LanguageModel,
  options: StepOptions,
  take: (options: StepOptions) => Promise<Gradient>,
): Promise<Gradient> {
  let gradient = await take(options);
  if (programs.precision === 'float32') return gradient;
  for (const lossScale of SMALLER) {
    // What the forward pass has lost no scale brings back.
    if (Number.isFinite(gradient.norm) || !Number.isFinite(gradient.loss)) break;
    gradient = await take({ ...options, lossScale });
  }
  return gradient;
}
