import { stat } from 'node:fs/promises';

/** Another one once the file has changed, or is another of the same name; undefined: it is not there. */
export async function fileStamp(file: string): Promise<string | undefined> {
  const status = await stat(file).catch(() => undefined);
  return status && `${file} ${status.mtimeMs} ${status.size}`;
}
