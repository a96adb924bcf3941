/** `latro-source.json` beside pulled files: where they come from, to the commit and the byte. */
import { join } from 'node:path';
import * as v from 'valibot';
import { LatroError } from '../common/errors.ts';
import { atomicWrite, type FileSystem, isMissing } from '../common/file_system.ts';
import { isSafePath } from './safe_path.ts';

export const RECORD_NAME = 'latro-source.json';

export const SourceRecord = v.object({
  version: v.literal(1),
  kind: v.picklist(['model', 'dataset']),
  name: v.string(),
  /** As asked for; the commit it named then. */
  revision: v.string(),
  commit: v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/)),
  /** ISO 8601. */
  started: v.string(),
  /** null until every file is there and has been verified. */
  finished: v.nullable(v.string()),
  /** Empty until then. */
  files: v.array(
    v.object({
      path: v.pipe(v.string(), v.check(isSafePath)),
      bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
      sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    }),
  ),
});
export type SourceRecord = v.InferOutput<typeof SourceRecord>;

/** null when the folder has none. @throws LatroError `bad-request` when it cannot be read */
export async function readSourceRecord(files: FileSystem, folder: string): Promise<SourceRecord | null> {
  const path = join(folder, RECORD_NAME);
  let text: string;
  try {
    text = new TextDecoder().decode(await files.read(path));
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), SourceRecord), text);
  if (parsed.success) return parsed.output;
  throw new LatroError(
    'bad-request',
    `${path} is not a record that this version can read.`,
    'Pull into another folder, or delete this one.',
  );
}

export async function writeSourceRecord(files: FileSystem, folder: string, record: SourceRecord): Promise<void> {
  await atomicWrite(files, join(folder, RECORD_NAME), `${JSON.stringify(record, null, 2)}\n`);
}
