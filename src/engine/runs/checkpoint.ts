/**
 * Checkpoints: folders that are there whole or not at all. Saved under a name no reader matches, every file flushed, the manifest with
 * each file's size and sha256 last, folder flushed, renamed, parent flushed; only then is an old one removed. A reader trusts nothing
 * that does not agree with its manifest.
 */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { BestCheckpoint, RUN_FORMAT_VERSION } from '../../protocol/run_record.ts';
import { LatroError } from '../common/errors.ts';
import { errorCode, type FileSystem, isMissing } from '../common/file_system.ts';
import { finiteJson } from '../common/json_lines.ts';

const MANIFEST = 'manifest.json';
const CHECKPOINT_NAME = /^step-(\d{6,})$/;
/** Names that begin so belong to saves and removals that were cut short. */
const STAGING = '.staging-';
const REMOVED = '.removed-';
/** The newest checkpoint and one to fall back on. */
export const FEWEST_KEPT = 2;

/** Relative, forward slashes, nothing hidden, nothing that leads out of the folder. */
const FILE_NAME = /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/;
const FileEntry = v.object({ name: v.pipe(v.string(), v.regex(FILE_NAME)), bytes: v.number(), sha256: v.string() });
export const CheckpointManifest = v.object({
  formatVersion: v.literal(RUN_FORMAT_VERSION),
  /** Updates done. */
  step: v.number(),
  /** Length of events.jsonl when the checkpoint was taken. */
  eventsBytes: v.number(),
  best: v.nullable(BestCheckpoint),
  files: v.array(FileEntry),
});
export type CheckpointManifest = v.InferOutput<typeof CheckpointManifest>;

export interface Checkpoint {
  readonly step: number;
  readonly directory: string;
  readonly manifest: CheckpointManifest;
}

/** File name (may hold `/`) → its bytes, piece by piece. */
export type CheckpointContent = Readonly<Record<string, Iterable<Uint8Array> | AsyncIterable<Uint8Array>>>;

export interface DamagedCheckpoint {
  readonly step: number;
  readonly reason: string;
}

export interface StuckCheckpoint {
  readonly step: number;
  readonly error: unknown;
}

export function stepName(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/** The folder `checkpoints/` of a run. One writer at a time; readers need not lock. */
export class CheckpointFolder {
  readonly path: string;
  readonly #files: FileSystem;

  constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.path = path;
  }

  directory(step: number): string {
    return join(this.path, stepName(step));
  }

  /** Steps with a checkpoint, rising; not verified. */
  async steps(): Promise<number[]> {
    const names = await this.#files.list(this.path);
    return names
      .flatMap((name) => CHECKPOINT_NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Saves a checkpoint. One of the same step that is whole stays as it is: the state at a step is always the same. */
  async save(
    step: number,
    content: CheckpointContent,
    position: Pick<CheckpointManifest, 'eventsBytes' | 'best'>,
  ): Promise<Checkpoint> {
    await this.removeLeftovers();
    const existing = await this.verify(step);
    if (existing !== null && !('reason' in existing)) return existing;
    if (existing !== null) await this.remove(step);

    const staging = join(this.path, `${STAGING}${stepName(step)}`);
    try {
      const manifest = await this.#stage(staging, step, content, position);
      await this.#files.rename(staging, this.directory(step));
      await this.#files.flushDirectory(this.path);
      return { step, directory: this.directory(step), manifest };
    } catch (error) {
      // Gives a full disk its space back.
      await this.#files.remove(staging).catch(() => {});
      throw error;
    }
  }

  async #stage(
    staging: string,
    step: number,
    content: CheckpointContent,
    position: Pick<CheckpointManifest, 'eventsBytes' | 'best'>,
  ): Promise<CheckpointManifest> {
    await this.#files.makeDirectory(staging);
    const files: v.InferOutput<typeof FileEntry>[] = [];
    for (const [name, pieces] of Object.entries(content)) files.push(await this.#writeFile(staging, name, pieces));
    const manifest: CheckpointManifest = { formatVersion: RUN_FORMAT_VERSION, step, ...position, files };
    await this.#writeFile(staging, MANIFEST, [new TextEncoder().encode(`${finiteJson(manifest, 2)}\n`)]);
    for (const folder of foldersOf(content)) await this.#files.flushDirectory(join(staging, folder));
    return manifest;
  }

  /** The newest checkpoint that is whole, and the newer ones that are not. */
  async newest(): Promise<{ checkpoint: Checkpoint | null; damaged: DamagedCheckpoint[] }> {
    const damaged: DamagedCheckpoint[] = [];
    for (const step of (await this.steps()).reverse()) {
      const found = await this.verify(step);
      if (found === null) continue;
      if (!('reason' in found)) return { checkpoint: found, damaged };
      damaged.push(found);
    }
    return { checkpoint: null, damaged };
  }

  /**
   * The checkpoint of a step when every file agrees with the manifest; what is wrong with it otherwise; null when there is none.
   * @throws LatroError `run-identity` when a newer version of the program wrote it
   */
  async verify(step: number): Promise<Checkpoint | DamagedCheckpoint | null> {
    const directory = this.directory(step);
    if ((await this.#files.status(directory)) === null) return null;
    const manifest = await this.#readManifest(directory);
    if (typeof manifest === 'string') return { step, reason: manifest };
    if (manifest.step !== step) return { step, reason: `its manifest is of step ${manifest.step}` };
    for (const { name, bytes, sha256 } of manifest.files) {
      const status = await this.#files.status(join(directory, name));
      if (status === null) return { step, reason: `${name} is missing` };
      if (status.bytes !== bytes) return { step, reason: `${name} has ${status.bytes} bytes instead of ${bytes}` };
      if ((await sha256OfFile(this.#files, join(directory, name))) !== sha256) {
        return { step, reason: `${name} does not have the sha256 of its manifest` };
      }
    }
    return { step, directory, manifest };
  }

  /**
   * Removes all but the newest `keep` (at least 2) and every step in `needed`. Returns those that could not be removed: on Windows a
   * file that is open elsewhere stays, which is no reason to stop a run.
   */
  async prune(keep: number, needed: readonly (number | null)[]): Promise<StuckCheckpoint[]> {
    const steps = await this.steps();
    const newest = new Set(steps.slice(-Math.max(keep, FEWEST_KEPT)));
    const stuck: StuckCheckpoint[] = [];
    for (const step of steps.filter((step) => !newest.has(step) && !needed.includes(step))) {
      try {
        await this.remove(step);
      } catch (error) {
        if (errorCode(error) === undefined) throw error;
        stuck.push({ step, error });
      }
    }
    return stuck;
  }

  async remove(step: number): Promise<void> {
    // Renamed first: a removal cut short may not leave half a checkpoint under its name.
    const grave = join(this.path, `${REMOVED}${stepName(step)}`);
    await this.#files.remove(grave);
    await this.#files.rename(this.directory(step), grave);
    await this.#files.flushDirectory(this.path);
    await this.#files.remove(grave);
  }

  async removeLeftovers(): Promise<void> {
    for (const name of await this.#files.list(this.path)) {
      if (name.startsWith(STAGING) || name.startsWith(REMOVED)) await this.#files.remove(join(this.path, name));
    }
  }

  async #writeFile(
    folder: string,
    name: string,
    pieces: CheckpointContent[string],
  ): Promise<v.InferOutput<typeof FileEntry>> {
    const path = join(folder, requireInside(name));
    await this.#files.makeDirectory(dirname(path));
    const hash = createHash('sha256');
    let bytes = 0;
    const handle = await this.#files.open(path, 'create');
    try {
      for await (const piece of pieces) {
        hash.update(piece);
        bytes += piece.length;
        await handle.write(piece);
      }
      await handle.flush();
    } finally {
      await handle.close();
    }
    return { name, bytes, sha256: hash.digest('hex') };
  }

  /** The manifest, or what is wrong with it. */
  async #readManifest(directory: string): Promise<CheckpointManifest | string> {
    let json: unknown;
    try {
      json = JSON.parse(new TextDecoder().decode(await this.#files.read(join(directory, MANIFEST))));
    } catch (error) {
      if (isMissing(error)) return `${MANIFEST} is missing`;
      if (error instanceof SyntaxError) return `${MANIFEST} is not valid JSON`;
      throw error;
    }
    requireReadableVersion(json, directory);
    const parsed = v.safeParse(CheckpointManifest, json);
    return parsed.success
      ? parsed.output
      : `${MANIFEST} is not valid (${v.getDotPath(parsed.issues[0]) ?? 'not an object'})`;
  }
}

/** @throws LatroError `run-identity` when `json` says a format version above ours */
export function requireReadableVersion(json: unknown, path: string): void {
  const version = (json as { formatVersion?: unknown } | null)?.formatVersion;
  if (typeof version !== 'number' || version <= RUN_FORMAT_VERSION) return;
  throw new LatroError(
    'run-identity',
    `${path} has format version ${version}, and this program reads up to ${RUN_FORMAT_VERSION}.`,
    'Open it with the newer LaTRO Studio that wrote it.',
  );
}

export async function sha256OfFile(files: FileSystem, path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of files.readChunks(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** Every folder below the checkpoint that holds a file, deepest first, the checkpoint itself ('') last. */
function foldersOf(content: CheckpointContent): string[] {
  const folders = new Set(['']);
  for (const name of Object.keys(content)) {
    const parts = name.split('/').slice(0, -1);
    for (let depth = parts.length; depth > 0; depth--) folders.add(parts.slice(0, depth).join('/'));
  }
  return [...folders].sort((a, b) => b.length - a.length);
}

function requireInside(name: string): string {
  if (!FILE_NAME.test(name)) throw new Error(`not a file name of a checkpoint: ${name}`);
  return name;
}
