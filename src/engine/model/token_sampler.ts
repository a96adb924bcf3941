/** Draws one token from a row of logits. Pure: the random number is an argument. */

export interface SamplingSettings {
  /** Softmax temperature; 0 takes the most likely token. */
  readonly temperature: number;
  /** Keeps the smallest set of tokens whose probability reaches this; 1 keeps all. */
  readonly topP: number;
  /** Keeps this many of the most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Ids from this one on are never drawn: added tokens, which stand only where they are put. Absent: every id may be drawn. */
  readonly drawnBelow?: number | undefined;
}

export interface DrawnToken {
  readonly id: number;
  /**
   * log of the token's probability at this temperature over the whole vocabulary, before top-p, top-k and ids that are not drawn; at 0
   * that of temperature 1.
   */
  readonly logProb: number;
}

/**
 * @param logits the whole array (rows, V); `row` and `vocabulary` pick one
 * @param uniform in [0, 1)
 */
export function drawToken(
  logits: Float32Array,
  row: number,
  vocabulary: number,
  settings: SamplingSettings,
  uniform: number,
): DrawnToken {
  const start = row * vocabulary;
  const drawable = Math.min(settings.drawnBelow ?? vocabulary, vocabulary);
  let best = start;
  for (let i = start + 1; i < start + drawable; i++) if (logits[i]! > logits[best]!) best = i;
  const greatest = logits[best]!;
  const inverse = settings.temperature === 0 ? 1 : 1 / settings.temperature;

  const masses = new Float64Array(drawable);
  let drawn = 0;
  for (let i = 0; i < drawable; i++) {
    const mass = Math.exp((logits[start + i]! - greatest) * inverse);
    masses[i] = mass;
    drawn += mass;
  }
  let total = drawn;
  for (let i = drawable; i < vocabulary; i++) total += Math.exp((logits[start + i]! - greatest) * inverse);
  const chosen =
    settings.temperature === 0
      ? best - start
      : settings.topP >= 1 && (settings.topK === 0 || settings.topK >= drawable)
        ? inverseDistribution(masses, drawn * uniform)
        : truncatedDraw(masses, drawn, settings, uniform);
  return { id: chosen, logProb: (logits[start + chosen]! - greatest) * inverse - Math.log(total) };
}

/** The first index at which the running sum passes `point`; the last index with any mass if rounding runs past the end. */
function inverseDistribution(masses: Float64Array, point: number): number {
  let sum = 0;
  let last = 0;
  for (let i = 0; i < masses.length; i++) {
    if (masses[i] === 0) continue;
    sum += masses[i]!;
    last = i;
    if (sum > point) return i;
  }
  return last;
}

/** Top-k, then top-p of what is left, as transformers orders its warpers. Equal masses keep the lower id first. */
function truncatedDraw(masses: Float64Array, total: number, settings: SamplingSettings, uniform: number): number {
  let order = [...masses.keys()].sort((a, b) => masses[b]! - masses[a]! || a - b);
  if (settings.topK > 0) order = order.slice(0, settings.topK);
  let mass = settings.topK > 0 ? order.reduce((sum, id) => sum + masses[id]!, 0) : total;
  if (settings.topP < 1) {
    let sum = 0;
    const end = order.findIndex((id) => {
      sum += masses[id]!;
      return sum >= settings.topP * mass;
    });
    if (end >= 0) order = order.slice(0, end + 1);
    mass = order.reduce((kept, id) => kept + masses[id]!, 0);
  }
  let running = 0;
  for (const id of order) {
    running += masses[id]!;
    if (running > mass * uniform) return id;
  }
  return order.at(-1)!;
}
