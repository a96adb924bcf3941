/**
 * Counter-based random numbers: every number is a pure function of (key, counter), so neither the order in which rationales
 * are sampled nor how they are batched changes what is drawn. Philox-2x32-10, Salmon et al. 2011, "Parallel random numbers:
 * as easy as 1, 2, 3" (SC'11), table 2.
 */

const PHILOX_MULTIPLIER = 0xd256d193;
const PHILOX_WEYL = 0x9e3779b9;
const ROUNDS = 10;

/** High and low 32 bits of the unsigned product a·b. */
function multiplyHighLow(a: number, b: number): [number, number] {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const lowLow = aLow * bLow;
  const middle = aHigh * bLow + (lowLow >>> 16);
  const middle2 = aLow * bHigh + (middle & 0xffff);
  const high = aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(middle2 / 65536);
  return [high >>> 0, Math.imul(a, b) >>> 0];
}

/** Two uniform 32-bit words for one (key, counter) pair. All arguments are taken modulo 2^32. */
export function philox(key: number, counterLow: number, counterHigh: number): [number, number] {
  let left = counterLow >>> 0;
  let right = counterHigh >>> 0;
  let roundKey = key >>> 0;
  for (let round = 0; round < ROUNDS; round++) {
    const [high, low] = multiplyHighLow(PHILOX_MULTIPLIER, left);
    left = (high ^ roundKey ^ right) >>> 0;
    right = low;
    roundKey = (roundKey + PHILOX_WEYL) >>> 0;
  }
  return [left, right];
}

/** Folds several integers into one 32-bit key; order matters. */
export function foldKey(...parts: readonly number[]): number {
  let key = 0x243f6a88;
  for (const part of parts) key = philox(key, part >>> 0, Math.floor(part / 2 ** 32) >>> 0)[0];
  return key;
}

/**
 * A stream of numbers under one key. `uniform(i)` is stateless; `next…` walk a cursor for code that just needs a sequence.
 */
export class RandomStream {
  readonly key: number;
  #cursor = 0;

  constructor(...keyParts: readonly number[]) {
    this.key = foldKey(...keyParts);
  }

  /** Uniform in [0, 1) with 32 bits, for position `index` of this stream. */
  uniform(index: number): number {
    return philox(this.key, index, 0)[0] / 4294967296;
  }

  next(): number {
    return this.uniform(this.#cursor++);
  }

  /** Uniform integer in [0, bound). */
  nextInteger(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** Standard normal by Box–Muller. */
  nextNormal(): number {
    const [a, b] = philox(this.key, this.#cursor++, 1);
    const radius = Math.sqrt(-2 * Math.log((a + 1) / 4294967297));
    return radius * Math.cos((2 * Math.PI * b) / 4294967296);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.nextInteger(items.length)] as T;
  }

  /** A shuffled copy (Fisher–Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.nextInteger(i + 1);
      [out[i], out[j]] = [out[j] as T, out[i] as T];
    }
    return out;
  }
}
