/** What the engine is doing, as one window knows it: jobs by id, kept up by notifications. */
import type { JobSnapshot, NotificationParams } from '../../protocol/engine_rpc.ts';
import { DisposableStore, Emitter } from '../common/disposables.ts';
import { Pace } from '../common/pace.ts';
import type { EngineClient } from './engine_client.ts';

/** How a job ended; 'lost' when the engine did and the job with it. */
export type JobEnd = Omit<NotificationParams<'jobEnded'>, 'outcome'> & {
  readonly outcome: NotificationParams<'jobEnded'>['outcome'] | { readonly type: 'lost' };
};

/** A fast run tells of a dozen updates a second; every listener draws something. */
const PROGRESS_MILLISECONDS = 250;

export class JobTracker {
  readonly #jobs = new Map<string, JobSnapshot>();
  /** Jobs that got further, of which the listeners do not know yet. */
  readonly #untold = new Set<string>();
  readonly #directories = new Map<string, string>();
  readonly #changed = new Emitter<JobSnapshot>();
  readonly #ended = new Emitter<JobEnd>();

  /** A job is new or has got further. */
  readonly onChanged = this.#changed.event;
  readonly onEnded = this.#ended.event;

  /** Resolves when the job of this name has ended; ask before it can have. */
  ended(jobId: string): Promise<JobEnd> {
    return new Promise((resolve) => {
      const subscription = this.onEnded((end) => {
        if (end.jobId !== jobId) return;
        subscription.dispose();
        resolve(end);
      });
    });
  }

  get jobs(): readonly JobSnapshot[] {
    return [...this.#jobs.values()];
  }

  /** The run being trained, if any: the engine trains one at a time, the others are queued or paused. Else one that is paused. */
  get activeRun(): JobSnapshot | undefined {
    const runs = this.jobs.filter(({ kind, state }) => (kind === 'train' || kind === 'resume') && state !== 'queued');
    return runs.find(({ state }) => state !== 'paused') ?? runs[0];
  }

  /**
   * Where the runs are that have or had a job here, by their names. One of an output folder of its own is in no list: once its job has
   * ended, or its engine is gone, nobody else could say.
   */
  get runDirectories(): ReadonlyMap<string, string> {
    return this.#directories;
  }

  ofRun(runId: string): JobSnapshot | undefined {
    return this.jobs.find((job) => job.runId === runId);
  }

  /** Follows a connection until it closes; what was known of an earlier one is replaced. */
  follow(client: Pick<EngineClient, 'info' | 'on' | 'onClosed'>): void {
    this.#jobs.clear();
    this.#untold.clear();
    for (const job of client.info.jobs) this.#set(job);
    const store = new DisposableStore();
    const pace = store.add(new Pace(() => this.#tellProgress(), 0, PROGRESS_MILLISECONDS));
    store.add(client.on('jobChanged', (job) => this.#set(job)));
    store.add(
      client.on('progress', ({ jobId, kind: _, ...progress }) => {
        const job = this.#jobs.get(jobId);
        if (job === undefined) return;
        this.#jobs.set(jobId, { ...job, progress });
        this.#untold.add(jobId);
        if (job.progress?.phase === progress.phase) pace.ask();
        else this.#tellProgress();
      }),
    );
    store.add(
      client.on('jobEnded', (message) => {
        this.#tellProgress();
        this.#jobs.delete(message.jobId);
        this.#ended.fire(message);
      }),
    );
    store.add(client.onClosed(() => store.dispose()));
  }

  /** Forgets every job (the engine is gone) and returns what was going on. */
  abandon(): JobSnapshot[] {
    const lost = [...this.#jobs.values()];
    this.#jobs.clear();
    this.#untold.clear();
    for (const { jobId, kind, runId, runDirectory } of lost) {
      this.#ended.fire({ jobId, kind, runId, runDirectory, outcome: { type: 'lost' } });
    }
    return lost;
  }

  #tellProgress(): void {
    const further = [...this.#untold].flatMap((jobId) => this.#jobs.get(jobId) ?? []);
    this.#untold.clear();
    for (const job of further) this.#changed.fire(job);
  }

  #set(job: JobSnapshot): void {
    this.#jobs.set(job.jobId, job);
    if (job.runId !== null && job.runDirectory !== null) this.#directories.set(job.runId, job.runDirectory);
    this.#untold.delete(job.jobId);
    this.#changed.fire(job);
  }
}
