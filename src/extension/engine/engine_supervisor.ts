/**
 * Keeps a window in touch with the engine of its workspace: attaches to the one that runs, starts one when something is asked of it,
 * and notices when it dies. The engine belongs to the workspace, not to the window: nothing here stops it when the window closes.
 */
import { setTimeout } from 'node:timers/promises';
import { Cancelled, LatroError } from '../../engine/common/errors.ts';
import {
  type EngineRecord,
  engineRecordFile,
  readEngineRecord,
  removeDeadSocket,
} from '../../protocol/engine_record.ts';
import { type JobSnapshot, PROTOCOL_VERSION } from '../../protocol/engine_rpc.ts';
import { type Disposable, Emitter } from '../common/disposables.ts';
import type { Log } from '../common/log.ts';
import { EngineClient } from './engine_client.ts';
import { engineLogFile, isAlive, launchEngine, logTail } from './engine_launcher.ts';
import { JobTracker } from './job_tracker.ts';

export interface SupervisorOptions {
  /** Folder whose `.latro/` holds the runs and the engine's record. */
  readonly workspace: string;
  /** The bundled engine, dist/engine.cjs. */
  readonly entry: string;
  readonly version: string;
  readonly log: Log;
}

/** The engine died: which process, and what it was doing. */
export interface EngineCrash {
  readonly pid: number;
  readonly jobs: readonly JobSnapshot[];
}

export class EngineSupervisor implements Disposable {
  readonly jobs = new JobTracker();
  readonly #options: SupervisorOptions;
  readonly #crashed = new Emitter<EngineCrash>();
  readonly #connected = new Emitter<EngineClient>();
  #connection: Promise<EngineClient> | undefined;
  #disposed = false;

  /** Fires once per engine that ended without a word. */
  readonly onCrashed = this.#crashed.event;
  readonly onConnected = this.#connected.event;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** The engine, started if need be. */
  client(): Promise<EngineClient> {
    this.#connection ??= this.#open().catch((error: unknown) => {
      this.#connection = undefined;
      throw error;
    });
    return this.#connection;
  }

  /** Attaches to an engine that already runs (a run outlives its window); undefined when none does. Starts nothing. */
  async attach(): Promise<EngineClient | undefined> {
    const client = this.#connection === undefined ? await this.#connectToRunning() : undefined;
    // Someone may have asked for the engine in the meantime.
    if (this.#connection !== undefined || client === undefined) {
      client?.dispose();
      return await this.#connection;
    }
    if (client.info.protocolVersion !== PROTOCOL_VERSION) {
      this.#options.log.warn(`engine process ${client.info.pid} is of version ${client.info.engineVersion}`);
      client.dispose();
      return undefined;
    }
    this.#follow(client);
    this.#connection = Promise.resolve(client);
    return client;
  }

  /** Leaves the engine to itself. */
  dispose(): void {
    this.#disposed = true;
    this.#connection?.then(
      (client) => client.dispose(),
      () => {},
    );
  }

  async #open(): Promise<EngineClient> {
    const { workspace, entry, version, log } = this.#options;
    const started = Date.now();
    let client = await this.#connectToRunning();
    if (client !== undefined && isOutdated(client, version)) {
      log.info(`replacing idle engine ${client.info.engineVersion} by ${version}`);
      await end(client);
      client = undefined;
    }
    client ??= await this.#connect(await launchEngine(entry, workspace));
    log.info(`engine process ${client.info.pid} connected in ${Date.now() - started} ms`);
    if (this.#disposed) {
      client.dispose();
      throw new Cancelled();
    }
    this.#follow(client);
    return client;
  }

  async #connectToRunning(): Promise<EngineClient | undefined> {
    const record = await readEngineRecord(engineRecordFile(this.#options.workspace));
    if (record === undefined || !isAlive(record.pid)) return undefined;
    // A record outlives a killed engine, and its process id may be another program's by now: then nobody listens.
    return await this.#connect(record).catch((error: Error) => {
      this.#options.log.info(`no engine listens at ${record.socket}: ${error.message}`);
      return undefined;
    });
  }

  #connect(record: EngineRecord): Promise<EngineClient> {
    return EngineClient.connect(record, `vscode ${this.#options.version}`);
  }

  #follow(client: EngineClient): void {
    this.jobs.follow(client);
    client.onClosed(({ deliberate }) => {
      this.#connection = undefined;
      if (this.#disposed) return;
      if (deliberate) this.jobs.abandon();
      else void this.#recover(client.info.pid);
    });
    this.#connected.fire(client);
  }

  /** The connection broke: if the process lives, only the connection did. */
  async #recover(pid: number): Promise<void> {
    const { workspace, log } = this.#options;
    if ((await this.attach().catch(() => undefined)) !== undefined) return;
    const jobs = this.jobs.abandon();
    const record = await readEngineRecord(engineRecordFile(workspace));
    // A killed process loses its connections before it is gone.
    for (let wait = 0; isAlive(pid) && wait < 40; wait++) await setTimeout(50);
    if (record?.pid === pid && !isAlive(pid)) await removeDeadSocket(record.socket);
    for (const line of await logTail(engineLogFile(workspace), 20)) log.error(`engine: ${line}`);
    log.error(`engine process ${pid} ended unexpectedly`);
    this.#crashed.fire({ pid, jobs });
  }
}

/** True for an engine of another version that may be replaced; one that is at work stays, if it can be understood. */
function isOutdated({ info }: EngineClient, version: string): boolean {
  if (info.engineVersion === version && info.protocolVersion === PROTOCOL_VERSION) return false;
  if (info.jobs.length === 0) return true;
  if (info.protocolVersion === PROTOCOL_VERSION) return false;
  throw new LatroError(
    'engine-version',
    `The engine of LaTRO Studio ${info.engineVersion} is still at work in this folder.`,
    `Let it finish, or end process ${info.pid}; its run can be resumed.`,
  );
}

async function end(client: EngineClient): Promise<void> {
  const closed = new Promise((resolve) => client.onClosed(resolve));
  await client.request('shutdown', { stopJobs: false });
  await closed;
}
