import { rmSync, statSync } from 'node:fs';

/** Removes an archive that is too large, so that nobody sends it round, and throws. */
export function refuseAbove(file, largestBytes) {
  const { size } = statSync(file);
  if (size <= largestBytes) return;
  rmSync(file);
  throw new Error(`${size} bytes are more than ${largestBytes}: the archive was removed`);
}
