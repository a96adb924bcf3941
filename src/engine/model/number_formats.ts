/**
 * Half-precision storage formats. F16 is IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits); BF16 is the upper half of a
 * binary32. Widening is exact; narrowing rounds to nearest, ties to even, and keeps infinities, NaN and the sign of zero.
 */

/** binary16 bits → binary32 bits, for all 65,536 values; built on first use. */
let wideningTable: Uint32Array | undefined;

function float16Table(): Uint32Array {
  if (wideningTable !== undefined) return wideningTable;
  const table = new Uint32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = (bits & 0x8000) << 16;
    const exponent = (bits >>> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0x1f) {
      table[bits] = sign | 0x7f800000 | (fraction << 13);
    } else if (exponent !== 0) {
      table[bits] = sign | ((exponent + 112) << 23) | (fraction << 13);
    } else if (fraction === 0) {
      table[bits] = sign;
    } else {
      // Subnormal: fraction · 2^-24, whose leading one becomes the implicit bit.
      const leading = 31 - Math.clz32(fraction);
      table[bits] = sign | ((leading + 103) << 23) | ((fraction << (23 - leading)) & 0x7fffff);
    }
  }
  wideningTable = table;
  return table;
}

/** Writes `source` (binary16 bits) as binary32 into `target` from index `offset`. */
export function widenFloat16(source: Uint16Array, target: Float32Array, offset = 0): void {
  const table = float16Table();
  const out = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < source.length; i++) out[offset + i] = table[source[i] as number] as number;
}

/** Writes `source` (bfloat16 bits) as binary32 into `target` from index `offset`. */
export function widenBfloat16(source: Uint16Array, target: Float32Array, offset = 0): void {
  const out = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < source.length; i++) out[offset + i] = (source[i] as number) << 16;
}

/** The binary16 bits nearest to each value of `source`. */
export function narrowToFloat16(source: Float32Array): Uint16Array {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  const out = new Uint16Array(source.length);
  for (let i = 0; i < bits.length; i++) out[i] = float16Bits(bits[i] as number);
  return out;
}

function float16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // From 2^16 on everything is infinite; between 65520 and 2^16 the carry below ends in infinity too.
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const lastKept = (magnitude >>> 13) & 1;
    return sign | ((magnitude - 0x38000000 + 0xfff + lastKept) >>> 13);
  }
  // Below 2^-14 the result is subnormal: the fraction, implicit bit included, in units of 2^-24.
  const exponent = magnitude >>> 23;
  if (exponent < 102) return sign;
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - exponent;
  const kept = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept);
}

/** The bfloat16 bits nearest to each value of `source`. */
export function narrowToBfloat16(source: Float32Array): Uint16Array {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  const out = new Uint16Array(source.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i] as number;
    const notANumber = (word & 0x7fffffff) > 0x7f800000;
    out[i] = notANumber ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}
