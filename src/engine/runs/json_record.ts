/** Records that stand alone in a JSON file. */
import * as v from 'valibot';
import { LatroError } from '../common/errors.ts';
import { type FileSystem, isMissing } from '../common/file_system.ts';

/** null where there is no such file. @throws LatroError `run-damaged` when it is no JSON */
export async function readJson(files: FileSystem, path: string): Promise<unknown> {
  try {
    return JSON.parse(new TextDecoder().decode(await files.read(path)));
  } catch (error) {
    if (isMissing(error)) return null;
    if (error instanceof SyntaxError) throw damaged(path, error.message);
    throw error;
  }
}

/** @throws LatroError `run-damaged` naming the field that is wrong */
export function requireRecord<T>(schema: v.GenericSchema<unknown, T>, json: unknown, path: string): T {
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output;
  throw damaged(path, `${v.getDotPath(parsed.issues[0]) ?? 'it'} is wrong`);
}

function damaged(path: string, why: string): LatroError {
  return new LatroError(
    'run-damaged',
    `${path} cannot be read: ${why}.`,
    'Restore the file from a backup, or remove the run.',
  );
}
