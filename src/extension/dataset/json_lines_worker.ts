/** Converts a JSON dataset in a thread of its own: parsing some hundred megabytes takes seconds. Answers with a `ConversionResult`. */
import { isUtf8 } from 'node:buffer';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { jsonLines } from './json_lines.ts';

export interface Conversion {
  readonly from: string;
  /** Must not exist yet. */
  readonly to: string;
}

/** Of a file that is not converted nothing is written: half a dataset would look like a whole one. */
export type ConversionResult =
  | { readonly kind: 'converted' }
  | { readonly kind: 'no-rows' }
  | { readonly kind: 'not-utf8' }
  /** `line` is 1-based. */
  | { readonly kind: 'broken'; readonly line: number; readonly message: string };

/** Characters written at a time. */
const PIECE = 1 << 20;

export function convert({ from, to }: Conversion): ConversionResult {
  const bytes = readFileSync(from);
  if (!isUtf8(bytes)) return { kind: 'not-utf8' };
  const text = bytes.toString('utf8');
  const { lines, broken } = jsonLines(text);
  if (broken !== undefined) {
    const { offset, message } = broken;
    return { kind: 'broken', line: text.slice(0, offset).split('\n').length, message };
  }
  const unfinished = `${to}.part`;
  const file = openSync(unfinished, 'w');
  let rows = 0;
  try {
    let piece = '';
    for (const line of lines) {
      rows++;
      piece += `${line}\n`;
      if (piece.length < PIECE) continue;
      writeSync(file, piece);
      piece = '';
    }
    writeSync(file, piece);
    fsyncSync(file);
    if (rows > 0) renameSync(unfinished, to);
  } finally {
    closeSync(file);
    rmSync(unfinished, { force: true });
  }
  return { kind: rows > 0 ? 'converted' : 'no-rows' };
}

parentPort?.postMessage(convert(workerData as Conversion));
