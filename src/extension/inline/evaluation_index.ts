/** A finished evaluation on disk: its figures per question in memory, its texts left on disk and read when asked for. */
import { open } from 'node:fs/promises';
import * as v from 'valibot';
import type { FileSystem } from '../../engine/common/file_system.ts';
import { TimeSlice } from '../../engine/common/time_slice.ts';
import { readLines } from '../../engine/datasets/file_bytes.ts';
import { LONGEST_ROW } from '../../engine/runs/evaluation_folder.ts';
import { answersOfEvaluation, EvaluationFigures, type RowAnswers } from './row_result.ts';

interface IndexedRow {
  readonly answers: RowAnswers;
  readonly start: number;
  readonly length: number;
}

export class EvaluationIndex {
  readonly #path: string;
  readonly #rows: ReadonlyMap<string, IndexedRow>;

  private constructor(path: string, rows: ReadonlyMap<string, IndexedRow>) {
    this.#path = path;
    this.#rows = rows;
  }

  /** @param updates behind the weights that were evaluated. Throws what `EvaluationFigures` or the file system does. */
  static async read(files: Pick<FileSystem, 'readChunks'>, path: string, updates: number): Promise<EvaluationIndex> {
    const rows = new Map<string, IndexedRow>();
    const slice = new TimeSlice();
    let start = 0;
    for await (const line of readLines(files.readChunks(path), LONGEST_ROW)) {
      if (line === null) throw new Error(`${path} has a line of more than ${LONGEST_ROW} bytes`);
      const row = v.parse(EvaluationFigures, JSON.parse(line.toString('utf8')));
      const indexed = { answers: answersOfEvaluation(row, updates), start, length: line.length };
      // Rows that say the same share a key: the first one speaks for them.
      if (!rows.has(row.rowKey)) rows.set(row.rowKey, indexed);
      start += line.length + 1;
      if (slice.isOver) await slice.next();
    }
    return new EvaluationIndex(path, rows);
  }

  answers(rowKey: string): RowAnswers | null {
    return this.#rows.get(rowKey)?.answers ?? null;
  }

  async row(rowKey: string): Promise<EvaluationFigures | null> {
    const found = this.#rows.get(rowKey);
    if (found === undefined) return null;
    const bytes = Buffer.alloc(found.length);
    const handle = await open(this.#path);
    try {
      await handle.read(bytes, 0, found.length, found.start);
    } finally {
      await handle.close();
    }
    return v.parse(EvaluationFigures, JSON.parse(bytes.toString('utf8')));
  }
}
