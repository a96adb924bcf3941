/** Where this package lies: from `dist/cli.cjs` and from `src/cli/` alike. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

export function packageRoot(from: string = import.meta.dirname): string {
  if (existsSync(join(from, 'package.json'))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error('this program does not lie in its package');
  return packageRoot(parent);
}
