/** The real engine behind the real server, in this process, with a tiny model folder and questions of its own. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import type { World } from '../../src/engine/runs/run_writer.ts';
import { EngineServer } from '../../src/engine/server/engine_server.ts';
import type { HubEnvironment } from '../../src/engine/server/pull_job.ts';
import { StudioService } from '../../src/engine/server/studio_service.ts';
import { EngineClient } from '../../src/extension/engine/engine_client.ts';
import {
  type NotificationName,
  type NotificationParams,
  PROTOCOL_VERSION,
  type RequestParams,
  type RowReference,
} from '../../src/protocol/engine_rpc.ts';
import type { RunConfigInput } from '../../src/protocol/run_config.ts';
import { CPU_ALONE } from './device_lists.ts';
import { writeTinyModelFolder, writeTinyQuestions } from './tiny_model_folder.ts';

const TOKEN = 'x'.repeat(64);

export const systemWorld: World = { files: new NodeFileSystem(), clock: systemClock, processes: systemProcesses };

/** A run of seconds: everything that a run has, little of it. One thread, so that its bytes can be compared. */
export function tinyRunConfig(folder: string): RunConfigInput {
  return {
    model: join(folder, 'model'),
    dataset: { train: join(folder, 'train.jsonl'), test: join(folder, 'test.jsonl'), holdOutFraction: 0.25 },
    trainable: { kind: 'lora', rank: 2, alpha: 4 },
    sampling: { rationalesPerQuestion: 4, maxRationaleTokens: 24, minRationaleTokens: 1 },
    optimizer: { learningRate: 0.005 },
    evaluation: { every: 2, k: 2, maxTokens: 24 },
    checkpoints: { every: 2 },
    questionsPerStep: 2,
    steps: 3,
    seed: 7,
    threads: 1,
    outputDirectory: join(folder, 'runs'),
  };
}

export async function writeTinyWorkspace(folder: string): Promise<void> {
  await writeTinyModelFolder(join(folder, 'model'));
  await writeTinyQuestions(join(folder, 'train.jsonl'), 8);
  await writeTinyQuestions(join(folder, 'test.jsonl'), 3, 50);
}

export class Studio {
  readonly folder: string;
  readonly client: EngineClient;
  readonly log: readonly string[];
  readonly #server: EngineServer;
  #jobs = 0;

  private constructor(folder: string, client: EngineClient, log: readonly string[], server: EngineServer) {
    this.folder = folder;
    this.client = client;
    this.log = log;
    this.#server = server;
  }

  static async start(environment: HubEnvironment = {}): Promise<Studio> {
    const folder = await mkdtemp(join(tmpdir(), 'latro-'));
    await writeTinyWorkspace(folder);
    const log: string[] = [];
    const service = new StudioService({
      world: systemWorld,
      devices: CPU_ALONE,
      workspace: folder,
      threads: 1,
      environment,
      log: (line) => log.push(line),
    });
    const server = new EngineServer({
      service,
      token: TOKEN,
      engineVersion: 'test',
      clock: () => new Date(),
      log: (line) => log.push(line),
      onActivity: () => {},
      onShutdown: () => {},
    });
    const socket = process.platform === 'win32' ? `\\\\.\\pipe\\${basename(folder)}` : join(folder, 'engine.sock');
    await server.listen(socket);
    const record = {
      pid: 1,
      startTime: '',
      socket,
      engineVersion: 'test',
      protocolVersion: PROTOCOL_VERSION,
      token: TOKEN,
    };
    return new Studio(folder, await EngineClient.connect(record, 'test'), log, server);
  }

  async close(): Promise<void> {
    await this.#server.close('shutdown');
    this.client.dispose();
    await rm(this.folder, { recursive: true });
  }

  nextJob(): string {
    return `job-${++this.#jobs}`;
  }

  /** A line of a dataset as an editor shows it. */
  async row(dataset: string, line: number): Promise<RowReference> {
    const file = join(this.folder, dataset);
    const lines = (await readFile(file, 'utf8')).split('\n');
    return { dataset: file, format: 'auto', line, row: lines[line - 1]! };
  }

  /** Starts a run with these changes to the tiny configuration; `ended` resolves with its outcome. */
  async train(overrides: RequestParams<'train'>['overrides'] = {}) {
    const jobId = this.nextJob();
    const ended = this.next('jobEnded', jobId);
    const config = tinyRunConfig(this.folder);
    const source = { kind: 'inline' as const, config, baseDirectory: this.folder };
    const { runDirectory } = await this.client.request('train', { jobId, source, overrides });
    return { jobId, runDirectory, ended };
  }

  async resume(runDirectory: string) {
    const jobId = this.nextJob();
    const ended = this.next('jobEnded', jobId);
    await this.client.request('resume', { jobId, runDirectory });
    return { jobId, ended };
  }

  next<N extends NotificationName>(name: N, jobId: string, isWanted?: (message: NotificationParams<N>) => boolean) {
    return nextMessage(this.client, name, jobId, isWanted);
  }
}

/** The next notification of a kind about this job that `isWanted`. */
export function nextMessage<N extends NotificationName>(
  client: EngineClient,
  name: N,
  jobId: string,
  isWanted: (message: NotificationParams<N>) => boolean = () => true,
): Promise<NotificationParams<N>> {
  return new Promise((resolve) => {
    const subscription = client.on(name, (message) => {
      if (!('jobId' in message) || message.jobId !== jobId || !isWanted(message)) return;
      subscription.dispose();
      resolve(message);
    });
  });
}
