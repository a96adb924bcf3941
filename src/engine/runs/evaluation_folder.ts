/**
 * A folder of evaluations, read-only: that of a run, or that of weights which belong to no run (`.latro/evaluations`).
 *
 *     NAME.jsonl  EvaluationRow, one line per question as it is finished
 *     NAME.json   EvaluationSummary, once all of them are
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { EvaluationRow, EvaluationSummary } from '../../protocol/records.ts';
import type { FileSystem } from '../common/file_system.ts';
import { readJsonLines } from '../common/json_lines.ts';
import { readJson, requireRecord } from './json_record.ts';

/** Bytes of a line with its texts; no evaluated question comes near this. */
export const LONGEST_ROW = 64 << 20;

export class EvaluationFolder {
  readonly path: string;
  readonly #files: FileSystem;

  constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.path = path;
  }

  file(name: string, extension: 'json' | 'jsonl'): string {
    return join(this.path, `${name}.${extension}`);
  }

  /** Of evaluations begun or finished, sorted; none when there is no such folder. */
  async names(): Promise<string[]> {
    const names = (await this.#files.list(this.path)).filter((name) => /\.jsonl?$/.test(name));
    return [...new Set(names.map((name) => name.replace(/\.jsonl?$/, '')))];
  }

  /**
   * null while it is not finished. Its name is the file's, whatever is written in it: a person may have copied or renamed it.
   * @throws LatroError `run-damaged`
   */
  async summary(name: string): Promise<EvaluationSummary | null> {
    const path = this.file(name, 'json');
    const json = await readJson(this.#files, path);
    return json === null ? null : { ...requireRecord(EvaluationSummary, json, path), name };
  }

  /** @throws LatroError `run-damaged` */
  async rows(name: string): Promise<EvaluationRow[]> {
    return (await readJsonLines(this.#files, this.file(name, 'jsonl'), v.parser(EvaluationRow))).records;
  }
}
