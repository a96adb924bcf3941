/** A dataset of any size, really written: rows of one length, a few of them without their answer. */
import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import { statfs } from 'node:fs/promises';

export const ROW_BYTES = 1_080;
const BLOCK_ROWS = 20_000;

/** @param broken lines (0-based) that lack their answer; `rows` a multiple of 20,000 */
export function writeLargeDataset(file: string, rows: number, broken: readonly number[]): void {
  const block = Buffer.from(row({ answer: '42' }).repeat(BLOCK_ROWS));
  const flawed = Buffer.from(row({ anser: '42' }));
  assert.equal(block.length, BLOCK_ROWS * ROW_BYTES);
  assert.equal(flawed.length, ROW_BYTES);
  const handle = openSync(file, 'w');
  try {
    for (let written = 0; written < rows; written += BLOCK_ROWS) writeSync(handle, block);
    for (const line of broken) writeSync(handle, flawed, 0, ROW_BYTES, line * ROW_BYTES);
  } finally {
    closeSync(handle);
  }
}

/** Whether there is twice the space that a dataset of so many rows takes. */
export async function hasSpaceFor(folder: string, rows: number): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize >= 2 * rows * ROW_BYTES;
}

function row(answer: Readonly<Record<string, string>>): string {
  const filled = (question: string) => `${JSON.stringify({ question, ...answer })}\n`;
  return filled('How many?'.padStart(ROW_BYTES - filled('').length, 'A box holds six pencils. '));
}
