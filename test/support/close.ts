import assert from 'node:assert/strict';

/** Equal but for the last digits of numbers, at any depth. */
export function assertClose(actual: unknown, expected: unknown, tolerance: number, path = 'the value'): void {
  if (typeof expected === 'number') {
    assert.equal(typeof actual, 'number', path);
    const difference = Math.abs((actual as number) - expected);
    assert.ok(difference <= tolerance, `${path} is ${actual} instead of ${expected}`);
  } else if (typeof expected === 'object' && expected !== null) {
    assert.deepEqual(Object.keys(actual as object), Object.keys(expected), path);
    for (const [key, value] of Object.entries(expected)) {
      assertClose((actual as Record<string, unknown>)[key], value, tolerance, `${path}.${key}`);
    }
  } else assert.deepEqual(actual, expected, path);
}
