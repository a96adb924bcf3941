/** A connection to an engine that says what a test makes it say. */
import { Emitter } from '../../src/extension/common/disposables.ts';
import type { JobTracker } from '../../src/extension/engine/job_tracker.ts';
import type {
  JobSnapshot,
  NotificationName,
  NotificationParams,
  RequestResult,
} from '../../src/protocol/engine_rpc.ts';

type Connection = Parameters<JobTracker['follow']>[0];

export const JOB: JobSnapshot = {
  jobId: 'job',
  kind: 'train',
  state: 'running',
  createdAt: '2026-01-01T00:00:00.000Z',
  runId: 'run',
  runDirectory: '/run',
  progress: null,
};

/** What an engine sends, sent by hand. */
export class Notifications implements Connection {
  readonly info = { jobs: [JOB] } as unknown as RequestResult<'initialize'>;
  readonly #closed = new Emitter<{ readonly deliberate: boolean }>();
  readonly #emitters = new Map<NotificationName, Emitter<unknown>>();
  readonly onClosed = this.#closed.event;

  on<N extends NotificationName>(name: N, listener: (params: NotificationParams<N>) => void) {
    const emitter = this.#emitters.get(name) ?? new Emitter<unknown>();
    this.#emitters.set(name, emitter);
    return emitter.event((params) => listener(params as NotificationParams<N>));
  }

  send<N extends NotificationName>(name: N, params: NotificationParams<N>): void {
    this.#emitters.get(name)?.fire(params);
  }

  close(): void {
    this.#closed.fire({ deliberate: true });
  }
}
