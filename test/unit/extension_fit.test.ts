import assert from 'node:assert/strict';
import os from 'node:os';
import { availableMemory } from '../../src/engine/common/memory.ts';
import { fitOf } from '../../src/extension/models/fit.ts';

const GB = 1e9;

describe('whether a model fits', () => {
  /** A run takes up to `most` bytes, and can be made to take no more than `least`. */
  const fitFor = (most: number, least: number, free: number, total: number) =>
    fitOf({ trainingBytes: most, leastTrainingBytes: least }, free, total);

  it('it does while its run takes no more than is free, to the byte', () => {
    assert.equal(fitFor(4 * GB, GB, 8 * GB, 16 * GB), 'fits');
    assert.equal(fitFor(8 * GB, GB, 8 * GB, 16 * GB), 'fits');
    assert.equal(fitFor(8 * GB + 1, GB, 8 * GB, 16 * GB), 'tight');
  });

  it('it is tight when only its smallest run has room, in all memory and not in what is free now', () => {
    assert.equal(fitFor(40 * GB, 12 * GB, 8 * GB, 16 * GB), 'tight');
    assert.equal(fitFor(40 * GB, 16 * GB, 8 * GB, 16 * GB), 'tight');
    assert.equal(fitFor(40 * GB, 16 * GB + 1, 8 * GB, 16 * GB), 'too-large');
  });

  it('more memory never makes it worse, and a smaller run neither', () => {
    const worth = { 'too-large': 0, tight: 1, fits: 2 };
    const sizes = [0, 1, 3, 8, 20, 64].map((size) => size * GB);
    for (const most of sizes) {
      for (const least of sizes.filter((size) => size <= most)) {
        for (const total of sizes) {
          for (const free of sizes.filter((size) => size <= total)) {
            const now = worth[fitFor(most, least, free, total)];
            assert.ok(worth[fitFor(most, least, free, total + GB)] >= now);
            assert.ok(worth[fitFor(most, least, Math.min(free + GB, total), total)] >= now);
            assert.ok(worth[fitFor(most / 2, least / 2, free, total)] >= now);
          }
        }
      }
    }
  });

  it('asks this machine when nothing else is said', () => {
    assert.equal(fitOf({ trainingBytes: 1, leastTrainingBytes: 1 }), 'fits');
    const more = 2 * os.totalmem() + availableMemory();
    assert.equal(fitOf({ trainingBytes: more, leastTrainingBytes: 1 }), 'tight');
    assert.equal(fitOf({ trainingBytes: more, leastTrainingBytes: more }), 'too-large');
  });
});
