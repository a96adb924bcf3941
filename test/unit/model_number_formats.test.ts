import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  narrowToBfloat16,
  narrowToFloat16,
  widenBfloat16,
  widenFloat16,
} from '../../src/engine/model/number_formats.ts';

const ALL = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

function widened(widen: (source: Uint16Array, target: Float32Array) => void): Float32Array {
  const target = new Float32Array(65536);
  widen(ALL, target);
  return target;
}

/** IEEE 754 binary16, from its definition. */
function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
}

const FORMATS = [
  { name: 'F16', widen: widenFloat16, narrow: narrowToFloat16, infinity: 0x7c00 },
  { name: 'BF16', widen: widenBfloat16, narrow: narrowToBfloat16, infinity: 0x7f80 },
];

describe('half-precision formats', () => {
  it('widens every F16 value to what the format defines', () => {
    const values = widened(widenFloat16);
    for (let bits = 0; bits < 65536; bits++) assert.ok(Object.is(values[bits], float16Value(bits)), `bits ${bits}`);
  });

  it('widens every BF16 value to the float32 with the same upper bits', () => {
    const bits = new Uint32Array(widened(widenBfloat16).buffer);
    for (let i = 0; i < 65536; i++) assert.equal(bits[i], i * 65536);
  });

  it('writes from the given offset only', () => {
    const target = new Float32Array(4).fill(9);
    widenFloat16(Uint16Array.of(0x3c00, 0xc000), target, 1);
    assert.deepEqual([...target], [9, 1, -2, 9]);
  });

  for (const { name, widen, narrow, infinity } of FORMATS) {
    it(`gives every ${name} value back, NaN as NaN`, () => {
      const values = widened(widen);
      const back = narrow(values);
      for (let bits = 0; bits < 65536; bits++) {
        if (Number.isNaN(values[bits])) assert.ok((back[bits]! & 0x7fff) > infinity, `bits ${bits}`);
        else assert.equal(back[bits], bits);
      }
    });

    it(`rounds to the nearest ${name}, and exact halves to the even one`, () => {
      const values = widened(widen);
      const between: number[] = [];
      for (let bits = 0; bits + 1 < infinity; bits++) {
        // Both formats have fewer than 23 fraction bits, so float32 holds the half and its neighbours exactly.
        const half = Math.fround((values[bits]! + values[bits + 1]!) / 2);
        const [word] = new Uint32Array(Float32Array.of(half).buffer);
        const [below, above] = new Float32Array(Uint32Array.of(word! - 1, word! + 1).buffer);
        between.push(below!, half, above!);
      }
      const rounded = narrow(Float32Array.from(between));
      const mirrored = narrow(Float32Array.from(between, (x) => -x));
      for (let bits = 0; bits + 1 < infinity; bits++) {
        const even = bits % 2 === 0 ? bits : bits + 1;
        assert.deepEqual([...rounded.subarray(3 * bits, 3 * bits + 3)], [bits, even, bits + 1]);
        assert.equal(mirrored[3 * bits + 1], even | 0x8000);
      }
    });

    it(`rounds any float32 to a ${name} no other is nearer to`, () => {
      const values = widened(widen);
      fc.assert(
        fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (x) => {
          const [bits] = narrow(Float32Array.of(x));
          const error = Math.abs(values[bits!]! - x);
          for (const neighbour of [bits! - 1, bits! + 1]) {
            const value = values[neighbour & 0xffff]!;
            if (Number.isFinite(value) && Math.sign(value) === Math.sign(x))
              assert.ok(error <= Math.abs(value - x) || !Number.isFinite(error));
          }
        }),
      );
    });
  }

  it('turns values beyond the largest F16 into infinity from 65520 on', () => {
    const [below, half, far] = narrowToFloat16(Float32Array.of(65519.996, 65520, -1e10));
    assert.deepEqual([below, half, far], [0x7bff, 0x7c00, 0xfc00]);
  });
});
