/** One connection to an engine process: typed requests and notifications, validated as they arrive. */
import { connect, type Socket } from 'node:net';
import * as v from 'valibot';
import {
  createMessageConnection,
  ErrorCodes,
  type MessageConnection,
  ResponseError,
  SocketMessageReader,
  SocketMessageWriter,
} from 'vscode-jsonrpc/node';
import { Cancelled } from '../../engine/common/errors.ts';
import type { EngineRecord } from '../../protocol/engine_record.ts';
import {
  ENGINE_NOTIFICATIONS,
  ENGINE_REQUESTS,
  EngineFailure,
  type NotificationName,
  type NotificationParams,
  PROTOCOL_VERSION,
  type RequestName,
  type RequestParams,
  type RequestResult,
  RPC_CANCELLED,
} from '../../protocol/engine_rpc.ts';
import { type Disposable, Emitter } from '../common/disposables.ts';

/** The engine's answer to a request it could not fulfil, or 'engine-stopped' when it ended before it answered. */
export class EngineRequestError extends Error {
  readonly failure: EngineFailure;

  constructor(failure: EngineFailure) {
    super(`${failure.reason} ${failure.nextStep}`.trim());
    this.name = 'EngineRequestError';
    this.failure = failure;
  }
}

export class EngineClient implements Disposable {
  readonly #connection: MessageConnection;
  readonly #closed = new Emitter<{ readonly deliberate: boolean }>();
  readonly #emitters = new Map<NotificationName, Emitter<unknown>>();
  #deliberate = false;
  #info: RequestResult<'initialize'> | undefined;

  /** Connects and authenticates; rejects when nobody listens or the token is another engine's. */
  static async connect(record: EngineRecord, clientName: string): Promise<EngineClient> {
    const client = new EngineClient(await openSocket(record.socket));
    try {
      const { token } = record;
      client.#info = await client.request('initialize', {
        protocolVersion: PROTOCOL_VERSION,
        token,
        client: clientName,
      });
    } catch (error) {
      client.dispose();
      throw error;
    }
    return client;
  }

  private constructor(socket: Socket) {
    this.#connection = createMessageConnection(new SocketMessageReader(socket), new SocketMessageWriter(socket));
    this.on('stopping', () => this.dispose());
    socket.on('error', () => {}); // 'close' follows
    socket.once('close', () => {
      this.#connection.dispose(); // rejects what is still waiting for an answer
      this.#closed.fire({ deliberate: this.#deliberate });
    });
    this.#connection.onDispose(() => socket.destroy());
    this.#connection.listen();
  }

  /** Who answered, and the jobs it had at that moment. */
  get info(): RequestResult<'initialize'> {
    if (this.#info === undefined) throw new Error('the engine client is not connected yet');
    return this.#info;
  }

  /** Fires once, when the connection has ended; `deliberate` unless the engine vanished without a word. */
  readonly onClosed = this.#closed.event;

  /** Sends a request. Aborting `signal` stops the job it named; the promise then rejects with `Cancelled`. */
  async request<N extends RequestName>(
    name: N,
    params: RequestParams<N>,
    signal?: AbortSignal,
  ): Promise<RequestResult<N>> {
    const { method, result: schema } = ENGINE_REQUESTS[name];
    const stop = () => {
      if ('jobId' in params) this.request('stop', { jobId: params.jobId }).catch(() => {});
    };
    if (signal?.aborted) throw new Cancelled();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      const raw: unknown = await this.#connection.sendRequest(method, params);
      return v.parse(schema as v.GenericSchema, raw) as RequestResult<N>;
    } catch (error) {
      throw toClientError(error);
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Listens to a notification; one that does not fit its schema is dropped (both sides of a version agree on it). */
  on<N extends NotificationName>(name: N, listener: (params: NotificationParams<N>) => void): Disposable {
    const { method, params: schema } = ENGINE_NOTIFICATIONS[name];
    const emitter = this.#emitters.get(name) ?? new Emitter<unknown>();
    if (!this.#emitters.has(name)) {
      this.#emitters.set(name, emitter);
      this.#connection.onNotification(method, (raw: unknown) => {
        const parsed = v.safeParse(schema as v.GenericSchema, raw);
        if (parsed.success) emitter.fire(parsed.output);
      });
    }
    return emitter.event((params) => listener(params as NotificationParams<N>));
  }
  /** Leaves the engine; its background jobs go on. */
  dispose(): void {
    this.#deliberate = true;
    this.#connection.dispose();
  }
}

function openSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

function toClientError(error: unknown): unknown {
  if (v.isValiError(error)) return error;
  // Anything but an answer of the engine means that the connection ended.
  if (!(error instanceof ResponseError) || error.code === ErrorCodes.PendingResponseRejected) return engineStopped();
  if (error.code === RPC_CANCELLED) return new Cancelled();
  const failure = v.safeParse(EngineFailure, error.data);
  if (failure.success) return new EngineRequestError(failure.output);
  return new EngineRequestError({ code: 'internal', reason: error.message, nextStep: '' });
}

function engineStopped(): EngineRequestError {
  return new EngineRequestError({
    code: 'engine-stopped',
    reason: 'The engine process ended before it answered.',
    nextStep: 'Try again; a new one is started.',
  });
}
