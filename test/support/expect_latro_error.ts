import assert from 'node:assert/strict';
import { type ErrorCode, LatroError } from '../../src/engine/common/errors.ts';

/** Asserts that `run` fails with a user-mendable error of this code whose text holds every one of `parts`. */
export async function expectLatroError(
  run: () => unknown,
  code: ErrorCode,
  ...parts: readonly (string | RegExp)[]
): Promise<LatroError> {
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof LatroError, `not a LatroError: ${(error as Error)?.stack ?? error}`);
    assert.equal(error.code, code, error.message);
    for (const part of parts) {
      assert.ok(
        typeof part === 'string' ? error.message.includes(part) : part.test(error.message),
        `${part} is not in: ${error.message}`,
      );
    }
    assert.match(error.reason, /[.]$/, 'the reason is a sentence');
    assert.doesNotMatch(error.message, /\n|undefined|\[object/, 'the message is one clear line');
    return error;
  }
  assert.fail(`expected an error with code ${code}`);
}
