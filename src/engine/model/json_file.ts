/** JSON files of a model folder: read with a size limit, checked against a schema, refused with the field's name. */

import { readFile, stat } from 'node:fs/promises';
import * as v from 'valibot';
import { type ErrorCode, LatroError } from '../common/errors.ts';

/** Whole-file limit; the largest tokenizer.json in common use is below 40 MB. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;

/** Error codes for a file that is absent, and for one whose content is not usable. */
export interface FileCodes {
  readonly missing: ErrorCode;
  readonly damaged: ErrorCode;
}

/** The parsed content of a JSON file, or `undefined` when there is no such file. Errors: `damaged` when it is not JSON or too large. */
export async function readOptionalJson(path: string, damaged: ErrorCode): Promise<unknown> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > MAX_JSON_BYTES)
      throw new LatroError(
        damaged,
        `${path} has ${size} bytes, more than the ${MAX_JSON_BYTES} allowed for a JSON file.`,
      );
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LatroError(
      damaged,
      `${path} is not valid JSON: ${(error as Error).message}.`,
      'Download or save it again.',
      {
        cause: error,
      },
    );
  }
}

/** As `readOptionalJson`, but a missing file is an error with code `missing`. */
export async function readRequiredJson(path: string, codes: FileCodes, nextStep: string): Promise<unknown> {
  const json = await readOptionalJson(path, codes.damaged);
  if (json === undefined) throw new LatroError(codes.missing, `There is no file ${path}.`, nextStep);
  return json;
}

/** Checks `json` against `schema`; the error names the file, the field and what was found there. */
export function parseJson<T extends v.GenericSchema>(
  schema: T,
  json: unknown,
  path: string,
  code: ErrorCode,
): v.InferOutput<T> {
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const field = v.getDotPath(issue);
  const expected = `; expected ${issue.expected ?? issue.type}`;
  let fault: string;
  if (field === null) fault = `holds ${issue.received}${expected}`;
  // JSON has no undefined, so the key is missing.
  else if (issue.received === 'undefined') fault = `lacks the field "${field}"`;
  else fault = `has the field "${field}" as ${issue.received}${expected}`;
  throw new LatroError(code, `${path} ${fault}.`, 'Correct the file or download the model again.');
}

export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
