import { createHash } from 'node:crypto';
import { throwIfCancelled } from '../common/errors.ts';
import type { FileSystem } from '../common/file_system.ts';
import type { Digest } from './repository.ts';

/**
 * Reads the file from disk and returns its SHA-256 when its size and content are the expected ones, otherwise null; null also when
 * there is none. What was received is not trusted: a file may have its full length and still hold zeros where a disk lost its writes.
 */
export async function verifiedSha256(
  files: FileSystem,
  path: string,
  expected: { readonly bytes: number; readonly digest: Digest },
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const status = await files.status(path);
  if (status?.kind !== 'file' || status.bytes !== expected.bytes) return null;
  const sha256 = createHash('sha256');
  const blob = expected.digest.kind === 'git-blob' ? createHash('sha1').update(`blob ${expected.bytes}\0`) : null;
  for await (const chunk of files.readChunks(path)) {
    throwIfCancelled(signal);
    sha256.update(chunk);
    blob?.update(chunk);
  }
  const hex = sha256.digest('hex');
  return (blob?.digest('hex') ?? hex) === expected.digest.hex ? hex : null;
}
