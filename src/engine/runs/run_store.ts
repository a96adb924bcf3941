/** The runs of one folder (`.latro/runs`): made, found, listed. */
import { basename, isAbsolute, join, resolve } from 'node:path';
import type { RunConfig } from '../../protocol/run_config.ts';
import { RUN_FORMAT_VERSION, type RunIdentity, type RunRecord, type RunSummary } from '../../protocol/run_record.ts';
import { LatroError } from '../common/errors.ts';
import { errorCode, makeDirectoryDurably } from '../common/file_system.ts';
import { nearest } from './config_issue.ts';
import { RunDirectory } from './run_directory.ts';
import { RunWriter, type World } from './run_writer.ts';

export interface RunList {
  /** Newest first. */
  readonly runs: RunSummary[];
  /** Folders that look like runs and cannot be read, with the reason. */
  readonly unreadable: { readonly id: string; readonly reason: string }[];
}

export class RunStore {
  readonly folder: string;
  readonly #world: World;

  constructor(world: World, folder: string) {
    this.#world = world;
    this.folder = resolve(folder);
  }

  /** A new run, locked, under an id of its own. */
  async create(config: RunConfig, identity: RunIdentity): Promise<RunWriter> {
    const { files, clock } = this.#world;
    await makeDirectoryDurably(files, this.folder);
    const createdAt = clock.iso();
    const id = await this.#claimId(runId(createdAt, config));
    const record: RunRecord = {
      formatVersion: RUN_FORMAT_VERSION,
      id,
      createdAt,
      config,
      identity,
      status: 'running',
      statusReason: '',
      phase: 'preparing',
      step: 0,
      totalSteps: null,
      best: null,
      resumedFrom: null,
      gain: null,
      pid: null,
    };
    const writer = await RunWriter.create(this.#world, join(this.folder, id), record);
    await files.flushDirectory(this.folder);
    return writer;
  }

  /** An existing run, locked. @throws LatroError `run-not-found`, `run-locked`, `run-damaged` */
  async open(idOrPath: string): Promise<RunWriter> {
    return RunWriter.open(this.#world, (await this.find(idOrPath)).path);
  }

  /** An existing run, to read. By id, or by the path of its directory. @throws LatroError `run-not-found` */
  async find(idOrPath: string): Promise<RunDirectory> {
    const { files } = this.#world;
    const inStore = basename(idOrPath) === idOrPath ? [join(this.folder, idOrPath)] : [];
    for (const path of [...inStore, isAbsolute(idOrPath) ? idOrPath : resolve(idOrPath)]) {
      if ((await files.status(join(path, 'run.json'))) !== null) return new RunDirectory(files, path);
    }
    const ids = await files.list(this.folder);
    const near = nearest(idOrPath, ids);
    throw new LatroError(
      'run-not-found',
      `There is no run "${idOrPath}" in ${this.folder}.`,
      near !== undefined
        ? `Did you mean ${near}?`
        : ids.length === 0
          ? 'There are no runs yet.'
          : `The newest is ${ids.at(-1)}.`,
    );
  }

  async list(): Promise<RunList> {
    const { files, processes } = this.#world;
    const runs: RunSummary[] = [];
    const unreadable: { id: string; reason: string }[] = [];
    for (const id of await files.list(this.folder)) {
      const directory = new RunDirectory(files, join(this.folder, id));
      if ((await files.status(directory.recordFile)) === null) continue;
      try {
        runs.push(await directory.summary(processes));
      } catch (error) {
        if (!(error instanceof LatroError)) throw error;
        unreadable.push({ id, reason: error.message });
      }
    }
    runs.sort((a, b) => compareText(b.createdAt, a.createdAt) || compareText(b.id, a.id));
    return { runs, unreadable };
  }

  /** Making the folder is what claims the id. */
  async #claimId(wanted: string): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const id = attempt === 1 ? wanted : `${wanted}-${attempt}`;
      try {
        await this.#world.files.makeDirectory(join(this.folder, id), true);
        return id;
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
      }
    }
  }
}

/** `2026-11-21T22:01:02.000Z`, method and model → `20261121-220102-latro-starter` (UTC). */
function runId(createdAt: string, config: RunConfig): string {
  const [day, time] = createdAt.split('T') as [string, string];
  const model = basename(config.model)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return `${day.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${config.method}-${model || 'model'}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
