/** Serves one workspace's clients on a local socket: authenticates them, turns requests into jobs, tells everyone how jobs go. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import * as v from 'valibot';
import {
  createMessageConnection,
  type MessageConnection,
  ResponseError,
  SocketMessageReader,
  SocketMessageWriter,
} from 'vscode-jsonrpc/node';
import {
  ENGINE_NOTIFICATIONS,
  ENGINE_REQUESTS,
  type NotificationName,
  type NotificationParams,
  PROTOCOL_VERSION,
  type RequestName,
  type RequestParams,
  type RequestResult,
  RPC_CANCELLED,
  RPC_FAILURE,
} from '../../protocol/engine_rpc.ts';
import { Cancelled, LatroError } from '../common/errors.ts';
import type { EngineService } from './engine_service.ts';
import { toFailure } from './failure.ts';
import { JobQueue } from './job_queue.ts';

export interface EngineServerOptions {
  readonly service: EngineService;
  readonly token: string;
  readonly engineVersion: string;
  readonly clock: () => Date;
  readonly log: (message: string) => void;
  /** Called whenever a client or job has come or gone. */
  readonly onActivity: () => void;
  /** A client asked for the end of the process. */
  readonly onShutdown: () => void;
}

export type StopReason = NotificationParams<'stopping'>['reason'];

/** How long a connection may stay without proving that it holds the token. */
const AUTHENTICATION_MILLISECONDS = 10_000;
/** How long clients have to hang up after the goodbye. */
const GOODBYE_MILLISECONDS = 1000;

export class EngineServer {
  readonly #options: EngineServerOptions;
  readonly #jobs: JobQueue;
  readonly #sockets = new Set<Socket>();
  readonly #clients = new Set<MessageConnection>();
  readonly #server: Server;

  constructor(options: EngineServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#jobs = new JobQueue(
      {
        jobChanged: (message) => this.#tellAll('jobChanged', message),
        progress: (message) => this.#tellAll('progress', message),
        runEvent: (message) => this.#tellAll('runEvent', message),
        jobEnded: (message) => {
          void this.#tellAll('jobEnded', message);
          options.onActivity();
        },
        bug: (error) => options.log(error instanceof Error ? (error.stack ?? error.message) : String(error)),
      },
      options.clock,
    );
  }

  /** Resolves when clients can connect to `socket`, a path (Unix) or pipe name (Windows). */
  listen(socket: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(socket, resolve);
    });
  }

  /** True when nobody is connected and nothing is to be done. */
  get idle(): boolean {
    return this.#clients.size === 0 && this.#jobs.snapshots().length === 0;
  }

  /** Stops every job (each saves what it has), says goodbye, and closes the socket. */
  async close(reason: StopReason): Promise<void> {
    await this.#jobs.close();
    await this.#options.service.dispose();
    await setImmediate(); // for the replies of the jobs that ended just now
    await this.#tellAll('stopping', { reason });
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // Clients leave by themselves once they have read everything up to the goodbye; some may be beyond reading.
    const hangUp = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, GOODBYE_MILLISECONDS);
    await closed;
    clearTimeout(hangUp);
  }

  #accept(socket: Socket): void {
    const { onActivity, log } = this.#options;
    const connection = createMessageConnection(new SocketMessageReader(socket), new SocketMessageWriter(socket));
    const gone = new AbortController();
    const timer = setTimeout(() => socket.destroy(), AUTHENTICATION_MILLISECONDS);
    this.#sockets.add(socket);
    socket.on('error', (error) => log(`connection: ${error.message}`));
    socket.on('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
      this.#clients.delete(connection);
      gone.abort();
      connection.dispose();
      onActivity();
    });

    answer(connection, 'initialize', ({ token }) => {
      if (!sameSecret(token, this.#options.token)) {
        throw new LatroError('bad-request', 'The token does not match this engine.', 'Read engine.json again.');
      }
      clearTimeout(timer);
      this.#clients.add(connection);
      this.#answerClient(connection, gone.signal);
      onActivity();
      const { engineVersion } = this.#options;
      return { protocolVersion: PROTOCOL_VERSION, engineVersion, pid: process.pid, jobs: this.#jobs.snapshots() };
    });
    connection.onError(([error]) => log(`connection: ${error.message}`));
    connection.listen();
  }

  /** Everything a client may ask once it has shown the token; until then these methods do not exist for it. */
  #answerClient(connection: MessageConnection, gone: AbortSignal): void {
    const { service, onShutdown } = this.#options;
    const jobs = this.#jobs;
    answer(connection, 'train', (p) => jobs.startRun(p.jobId, 'train', (context) => service.train(p, context)));
    answer(connection, 'resume', (p) => jobs.startRun(p.jobId, 'resume', (context) => service.resume(p, context)));
    answer(connection, 'evaluate', (p) =>
      jobs.run(p.jobId, 'evaluate', 'background', (context) => service.evaluate(p, context)),
    );
    answer(connection, 'describeModel', (p) =>
      jobs.run(p.jobId, 'describe', 'interactive', (context) => service.describeModel(p, context), gone),
    );
    answer(connection, 'previewPrompt', (p) =>
      jobs.run(p.jobId, 'preview', 'interactive', (context) => service.previewPrompt(p, context), gone),
    );
    answer(connection, 'sampleQuestion', (p) =>
      jobs.run(p.jobId, 'sample', 'interactive', (context) => service.sampleQuestion(p, context), gone),
    );
    answer(connection, 'scoreRationale', (p) =>
      jobs.run(p.jobId, 'score', 'interactive', (context) => service.scoreRationale(p, context), gone),
    );
    answer(connection, 'tracePrefixes', (p) =>
      jobs.run(p.jobId, 'trace', 'interactive', (context) => service.tracePrefixes(p, context), gone),
    );
    answer(connection, 'rollBack', (p) =>
      jobs.run(p.jobId, 'roll-back', 'interactive', (context) => service.rollBack(p, context), gone),
    );
    answer(connection, 'exportRun', (p) =>
      jobs.run(p.jobId, 'export', 'interactive', (context) => service.exportRun(p, context), gone),
    );
    answer(connection, 'pull', (p) => jobs.run(p.jobId, 'pull', 'apart', (context) => service.pull(p, context), gone));
    answer(connection, 'pause', ({ jobId }) => ({ found: jobs.pause(jobId) }));
    answer(connection, 'continue', ({ jobId }) => ({ found: jobs.continue(jobId) }));
    answer(connection, 'stop', ({ jobId }) => ({ found: jobs.stop(jobId) }));
    answer(connection, 'listJobs', () => ({ jobs: jobs.snapshots() }));
    answer(connection, 'shutdown', ({ stopJobs }) => {
      const stopping = stopJobs || !jobs.hasBackgroundJobs;
      if (stopping) onShutdown();
      return { stopping };
    });
  }

  /** Resolves when the message is written to every client; one that vanished at this moment is dealt with when its socket closes. */
  async #tellAll<N extends NotificationName>(name: N, params: NotificationParams<N>): Promise<void> {
    const { method } = ENGINE_NOTIFICATIONS[name];
    const tell = async (client: MessageConnection) => client.sendNotification(method, params as object);
    await Promise.allSettled([...this.#clients].map(tell));
  }
}

/** Answers one request: validates its parameters, and sends errors as `EngineFailure`s. */
function answer<N extends RequestName>(
  connection: MessageConnection,
  name: N,
  handler: (params: RequestParams<N>) => Promise<RequestResult<N>> | RequestResult<N>,
): void {
  const { method, params: schema } = ENGINE_REQUESTS[name];
  connection.onRequest(method, async (raw: unknown): Promise<unknown> => {
    const params = v.safeParse(schema as v.GenericSchema, raw);
    if (!params.success) return toResponseError(badRequest(method, params.issues[0]));
    try {
      return await handler(params.output as RequestParams<N>);
    } catch (error) {
      return toResponseError(error);
    }
  });
}

function badRequest(method: string, issue: v.BaseIssue<unknown>): LatroError {
  const where = v.getDotPath(issue);
  return new LatroError('bad-request', `${method}${where === null ? '' : `, ${where}`}: ${issue.message}.`);
}

function toResponseError(error: unknown): ResponseError<unknown> {
  if (error instanceof Cancelled) return new ResponseError(RPC_CANCELLED, error.message);
  const failure = toFailure(error);
  return new ResponseError(RPC_FAILURE, failure.reason, failure);
}

function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
