/** Gets a model or a dataset from a Hugging Face hub, to one commit and byte by byte what the hub promises. */
import { dirname, join } from 'node:path';
import { LatroError, throwIfCancelled } from '../common/errors.ts';
import { makeDirectoryDurably } from '../common/file_system.ts';
import type { AccessToken } from './access_token.ts';
import { type DownloadContext, downloadFile } from './download_file.ts';
import { HubConnection } from './hub_connection.ts';
import type { HubEndpoint } from './hub_endpoint.ts';
import { describeSource, type HubSource, isCommit } from './hub_source.ts';
import { PartialFile } from './partial_file.ts';
import { ProgressMeter, type PullProgress } from './progress_meter.ts';
import type { FolderLock, PullWorld } from './pull_world.ts';
import { listRepository, type RepositoryFile, resolveCommit } from './repository.ts';
import { type Selection, selectFiles, shardsOf } from './select_files.ts';
import { RECORD_NAME, readSourceRecord, type SourceRecord, writeSourceRecord } from './source_record.ts';
import { verifiedSha256 } from './verify_file.ts';

export interface PullRequest {
  readonly source: HubSource;
  /** Where the files go: a folder of its own, made when it does not exist. One folder holds one commit for good. */
  readonly folder: string;
  readonly endpoint: HubEndpoint;
  readonly token: AccessToken | null;
}

export interface PullResult {
  readonly record: SourceRecord;
  /** Bytes of files transferred by this pull; 0 when everything was there. */
  readonly bytesTransferred: number;
}

/**
 * Fetches what is missing of `request.source` into `request.folder` and records it in `latro-source.json`. A name without
 * `.partial` stands only for a file whose size and SHA-256 (git blob id for small files) are those that the hub tells; the files
 * that are there already are read and checked, and replaced when they are not as they were. An unfinished pull goes on at the
 * commit it began with; a finished one that was asked for by its commit needs no network.
 * @throws LatroError `bad-request` (the folder holds something else), `run-locked`, `model-not-found`, `dataset-not-found`,
 * `hub-access`, `hub-gated`, `hub-rate-limited`, `hub-unavailable`, `download-failed`, `download-damaged`, `pickle-refused`,
 * `model-unsupported`, `model-damaged`, `dataset-format`, `disk-full`, `not-writable`
 * @throws Cancelled when `signal` aborts; what has arrived is kept
 */
export async function pull(
  request: PullRequest,
  world: PullWorld,
  progress: (progress: PullProgress) => void,
  signal?: AbortSignal,
): Promise<PullResult> {
  throwIfCancelled(signal);
  const { source, endpoint, token } = request;
  const connection = new HubConnection(endpoint, source, token, world, signal);
  return new Pull(request, world, connection, new ProgressMeter(world.clock, progress), signal).run();
}

class Pull {
  readonly #request: PullRequest;
  readonly #world: PullWorld;
  readonly #connection: HubConnection;
  readonly #meter: ProgressMeter;
  readonly #signal: AbortSignal | undefined;

  constructor(
    request: PullRequest,
    world: PullWorld,
    connection: HubConnection,
    meter: ProgressMeter,
    signal: AbortSignal | undefined,
  ) {
    this.#request = request;
    this.#world = world;
    this.#connection = connection;
    this.#meter = meter;
    this.#signal = signal;
  }

  async run(): Promise<PullResult> {
    const { source, folder } = this.#request;
    const { files } = this.#world;
    const hooks = { waiting: () => this.#meter.phase('waiting') };
    await refuseForeignFolder(folder, this.#world);
    const existing = await readSourceRecord(files, folder);
    const commit = this.#knownCommit(existing) ?? (await resolveCommit(this.#connection, hooks));
    refuseOtherContent(existing, source, commit, folder);
    if (existing !== null && existing.finished !== null && (await this.#isWhole(existing))) {
      return { record: existing, bytesTransferred: 0 };
    }
    const repository = await listRepository(this.#connection, commit, hooks);
    const selection = selectFiles(source, repository);
    // What is refused up to here leaves no folder behind.
    await makeDirectoryDurably(files, folder);
    const lock = await lockFolder(folder, this.#world);
    try {
      return await this.#fill(commit, selection, repository);
    } finally {
      // One that stays is stale once this process has ended.
      await lock.release().catch(() => {});
    }
  }

  async #fill(commit: string, selection: Selection, repository: RepositoryFile[]): Promise<PullResult> {
    const { source, folder } = this.#request;
    const { files, clock } = this.#world;
    // Read again under the lock: another pull may have come first.
    const existing = await readSourceRecord(files, folder);
    refuseOtherContent(existing, source, commit, folder);
    const started: SourceRecord = {
      version: 1,
      ...source,
      commit,
      started: existing?.started ?? clock.iso(),
      finished: null,
      files: [],
    };
    await writeSourceRecord(files, folder, started);
    const wanted = [...selection.files, ...(await this.#shards(commit, selection, repository))];
    const hashes = await this.#fetch(commit, wanted);
    const record = {
      ...started,
      finished: clock.iso(),
      files: wanted.map(({ path, bytes }) => ({ path, bytes, sha256: hashes.get(path) as string })),
    };
    await writeSourceRecord(files, folder, record);
    return { record, bytesTransferred: this.#meter.received };
  }

  /** The commit, when it can be told without the hub. */
  #knownCommit(existing: SourceRecord | null): string | null {
    const { revision } = this.#request.source;
    if (isCommit(revision)) return revision;
    return existing !== null && existing.finished === null && existing.revision === revision ? existing.commit : null;
  }

  async #isWhole({ files }: SourceRecord): Promise<boolean> {
    this.#meter.expect(files);
    for (const { path, bytes, sha256 } of files) {
      this.#meter.begin(path);
      this.#meter.phase('verifying');
      const expected = { bytes, digest: { kind: 'sha256', hex: sha256 } } as const;
      if ((await verifiedSha256(this.#world.files, this.#at(path), expected, this.#signal)) === null) return false;
      this.#meter.finish(bytes);
    }
    return true;
  }

  /** The shards of a model in several files; their index is fetched first, because it names them. */
  async #shards(commit: string, selection: Selection, repository: RepositoryFile[]): Promise<RepositoryFile[]> {
    if (selection.shardIndex === null) return [];
    await this.#fetch(commit, [selection.shardIndex]);
    const index = await this.#world.files.read(this.#at(selection.shardIndex.path));
    return shardsOf(this.#request.source, new TextDecoder().decode(index), repository);
  }

  /** Makes all of `wanted` be there, and returns the SHA-256 of each by path. */
  async #fetch(commit: string, wanted: readonly RepositoryFile[]): Promise<Map<string, string>> {
    const [world, meter, signal] = [this.#world, this.#meter, this.#signal];
    const context: DownloadContext = { connection: this.#connection, commit, world, meter, signal };
    const hashes = new Map<string, string>();
    const missing: RepositoryFile[] = [];
    meter.expect(wanted);
    for (const file of wanted) {
      meter.begin(file.path);
      meter.phase('verifying');
      const sha256 = await this.#keepOrRemove(file);
      if (sha256 === null) {
        missing.push(file);
      } else {
        hashes.set(file.path, sha256);
        meter.finish(file.bytes);
      }
    }
    await this.#requireSpace(missing);
    for (const file of missing) {
      meter.begin(file.path);
      await makeDirectoryDurably(world.files, dirname(this.#at(file.path)));
      hashes.set(file.path, await downloadFile(file, this.#at(file.path), context));
      meter.finish(file.bytes);
    }
    return hashes;
  }

  /** The SHA-256 of a file that is in place; a wrong one may not keep its name. */
  async #keepOrRemove(file: RepositoryFile): Promise<string | null> {
    const path = this.#at(file.path);
    const status = await this.#world.files.status(path);
    if (status === null) return null;
    if (status.kind !== 'file') {
      throw new LatroError('bad-request', `${path} is not a file.`, 'Remove it, or pull into another folder.');
    }
    const sha256 = await verifiedSha256(this.#world.files, path, file, this.#signal);
    if (sha256 === null) await this.#world.files.remove(path);
    else await PartialFile.clear(this.#world.files, path);
    return sha256;
  }

  async #requireSpace(missing: readonly RepositoryFile[]): Promise<void> {
    const { folder, source } = this.#request;
    const free = await this.#world.freeBytes(folder);
    let needed = 0;
    for (const { path, bytes } of missing) {
      const arrived = (await this.#world.files.status(`${this.#at(path)}.partial`))?.bytes ?? 0;
      needed += Math.max(0, bytes - arrived);
    }
    if (free === null || needed <= free) return;
    throw new LatroError(
      'disk-full',
      `${describeSource(source)} needs ${megabytes(needed)} more, and the disk of ${folder} has ${megabytes(free)} free.`,
      `Free at least ${megabytes(needed - free)}, or pull into a folder on another disk.`,
    );
  }

  #at(path: string): string {
    return join(this.#request.folder, path);
  }
}

/** Files that nobody pulled may be somebody's work. */
async function refuseForeignFolder(folder: string, { files }: PullWorld): Promise<void> {
  const status = await files.status(folder);
  if (status !== null && status.kind !== 'directory') {
    throw new LatroError('bad-request', `${folder} is not a folder.`, 'Choose another one to pull into.');
  }
  const names = await files.list(folder);
  // A lock and a hidden temporary file may be all that an interrupted pull left; systems put hidden files anywhere.
  const foreign = names.find((name) => !name.startsWith('.') && !name.endsWith('.lock'));
  if (names.includes(RECORD_NAME) || foreign === undefined) return;
  throw new LatroError(
    'bad-request',
    `${folder} holds files that were not pulled (${foreign}).`,
    'Choose a folder that is empty or does not exist yet.',
  );
}

function refuseOtherContent(existing: SourceRecord | null, source: HubSource, commit: string, folder: string): void {
  if (existing === null) return;
  const { kind, name } = existing;
  if (kind === source.kind && name === source.name && existing.commit === commit) return;
  throw new LatroError(
    'bad-request',
    `${folder} holds ${describeSource({ kind, name, revision: existing.commit })}, not ${describeSource({ ...source, revision: commit })}.`,
    'Pull into another folder to have both, or delete this one first.',
  );
}

async function lockFolder(folder: string, world: PullWorld): Promise<FolderLock> {
  try {
    return await world.lock(folder);
  } catch (error) {
    if (!(error instanceof LatroError) || error.code !== 'run-locked') throw error;
    throw new LatroError(
      'run-locked',
      `Something else is already being pulled into ${folder}.`,
      'Wait until it ends, or stop it.',
    );
  }
}

/** In steps of 0.1 MB (10^6 bytes), as disks are sold. */
function megabytes(bytes: number): string {
  return `${(Math.ceil(bytes / 1e5) / 10).toFixed(1)} MB`;
}
