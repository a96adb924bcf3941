/** Reference material that is not part of the repository; tests that need it say so and skip where it is absent. */

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(process.env.LATRO_SHARED_DIR ?? join(import.meta.dirname, '..', '..', '..', 'shared'));

/** Skips the running test or hook, in plain words, when the material is not there. */
export function requireShared(context: Mocha.Context, ...parts: string[]): string {
  const path = join(ROOT, ...parts);
  if (!existsSync(path)) {
    console.log(`      skipped: there is no ${path} (set LATRO_SHARED_DIR to the folder of reference material)`);
    context.skip();
  }
  return path;
}
