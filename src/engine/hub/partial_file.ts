import { dirname } from 'node:path';
import * as v from 'valibot';
import { type FileSystem, isMissing } from '../common/file_system.ts';
import type { RepositoryFile } from './repository.ts';

const Origin = v.object({ etag: v.nullable(v.string()), bytes: v.number(), digest: v.string() });

/**
 * A file on its way: `NAME.partial`, and beside it `NAME.partial.origin` saying which content the bytes belong to. It only ever
 * grows at its end, so its length is what has arrived.
 */
export class PartialFile {
  readonly path: string;
  readonly #finalPath: string;
  readonly #files: FileSystem;
  readonly #file: RepositoryFile;
  #etag: string | null = null;

  private constructor(files: FileSystem, finalPath: string, file: RepositoryFile) {
    this.#files = files;
    this.#finalPath = finalPath;
    this.#file = file;
    this.path = `${finalPath}.partial`;
  }

  /** Takes up what an earlier pull left, when it belongs to the same content. */
  static async open(files: FileSystem, finalPath: string, file: RepositoryFile): Promise<PartialFile> {
    const partial = new PartialFile(files, finalPath, file);
    const origin = await partial.#readOrigin();
    if (origin === null || (await partial.bytes()) > file.bytes) await partial.restart(null);
    else partial.#etag = origin.etag;
    return partial;
  }

  /** Removes what an earlier pull left beside a file that is there. */
  static async clear(files: FileSystem, finalPath: string): Promise<void> {
    await files.remove(`${finalPath}.partial`);
    await files.remove(`${finalPath}.partial.origin`);
  }

  /** ETag of the answer that the bytes came from, when it is a strong one: only that can stand in If-Range (RFC 9110, 13.1.5). */
  get etag(): string | null {
    return this.#etag;
  }

  async bytes(): Promise<number> {
    return (await this.#files.status(this.path))?.bytes ?? 0;
  }

  /** Empties it; what comes next belongs to `etag`. */
  async restart(etag: string | null): Promise<void> {
    const { bytes, digest } = this.#file;
    // Emptied first: bytes may never stand under an origin that is not theirs.
    await this.#replace(this.path, '');
    await this.#replace(this.#originPath, JSON.stringify({ etag, bytes, digest: digest.hex }));
    this.#etag = etag;
  }

  async append(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const handle = await this.#files.open(this.path, 'append');
    try {
      for await (const chunk of chunks) await handle.write(chunk);
    } finally {
      await handle.close();
    }
  }

  async flush(): Promise<void> {
    const handle = await this.#files.open(this.path, 'append');
    try {
      await handle.flush();
    } finally {
      await handle.close();
    }
  }

  /** Gives a flushed and verified file its final name. */
  async finish(): Promise<void> {
    await this.#files.rename(this.path, this.#finalPath);
    await this.#files.flushDirectory(dirname(this.#finalPath));
    await this.#files.remove(this.#originPath);
  }

  get #originPath(): string {
    return `${this.path}.origin`;
  }

  async #readOrigin(): Promise<v.InferOutput<typeof Origin> | null> {
    try {
      const origin = v.parse(Origin, JSON.parse(new TextDecoder().decode(await this.#files.read(this.#originPath))));
      return origin.bytes === this.#file.bytes && origin.digest === this.#file.digest.hex ? origin : null;
    } catch (error) {
      if (isMissing(error) || error instanceof SyntaxError || error instanceof v.ValiError) return null;
      throw error;
    }
  }

  async #replace(path: string, text: string): Promise<void> {
    const handle = await this.#files.open(path, 'replace');
    try {
      if (text !== '') await handle.write(new TextEncoder().encode(text));
    } finally {
      await handle.close();
    }
  }
}
