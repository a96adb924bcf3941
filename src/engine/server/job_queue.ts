/** The jobs of this process: who waits, who computes, how far each is, and how it ended. */
import type { JobKind, JobProgress, JobSnapshot, NotificationParams } from '../../protocol/engine_rpc.ts';
import { LatroError } from '../common/errors.ts';
import { ComputeLane, type Lane } from './compute_lane.ts';
import type { JobContext, StartedRun } from './engine_service.ts';
import { isBug, toOutcome } from './failure.ts';

/** What every client hears. */
export interface JobListener {
  jobChanged(message: NotificationParams<'jobChanged'>): void;
  progress(message: NotificationParams<'progress'>): void;
  runEvent(message: NotificationParams<'runEvent'>): void;
  jobEnded(message: NotificationParams<'jobEnded'>): void;
  /** A job failed with something that is nobody's mistake but ours. */
  bug(error: unknown): void;
}

/** 'apart': it computes nothing, waits for nobody and keeps nobody waiting. */
export type JobLane = Lane | 'apart';

interface Job {
  readonly jobId: string;
  readonly kind: JobKind;
  readonly lane: JobLane;
  readonly createdAt: string;
  readonly controller: AbortController;
  state: JobSnapshot['state'];
  /** While 'pausing' or 'paused'; resolves when the job is continued. */
  pause: { readonly continued: Promise<void>; readonly end: () => void } | undefined;
  run: { readonly runId: string; readonly runDirectory: string } | undefined;
  progress: JobProgress | undefined;
  ended: Promise<unknown>;
}

export type JobWork<T> = (context: JobContext) => Promise<T>;

export class JobQueue {
  readonly #jobs = new Map<string, Job>();
  readonly #compute = new ComputeLane();
  readonly #listener: JobListener;
  readonly #clock: () => Date;
  #closed = false;

  constructor(listener: JobListener, clock: () => Date) {
    this.#listener = listener;
    this.#clock = clock;
  }

  /** Runs a job to its end. `client` aborts it too (leave it out for a job that outlives its client). */
  async run<T>(jobId: string, kind: JobKind, lane: JobLane, work: JobWork<T>, client?: AbortSignal): Promise<T> {
    return await this.#start(jobId, kind, lane, (_, context) => work(context), client);
  }

  /** Starts a run in the background lane; resolves when its directory exists, rejects when it could not start. */
  startRun(
    jobId: string,
    kind: 'train' | 'resume',
    start: JobWork<StartedRun>,
  ): Promise<{ runId: string; runDirectory: string }> {
    return new Promise((resolve, reject) => {
      this.#start(jobId, kind, 'background', async (job, context) => {
        const { runId, runDirectory, finished } = await start(context);
        this.#change(job, { run: { runId, runDirectory } });
        resolve({ runId, runDirectory });
        await finished;
      }).catch(reject); // after `resolve` the promise has its reply, and `jobEnded` carries how the run ended
    });
  }

  /** Asks a job to end; false when there is no such job. */
  stop(jobId: string): boolean {
    const job = this.#jobs.get(jobId);
    if (job === undefined) return false;
    if (job.state !== 'queued') this.#change(job, { state: 'stopping', pause: undefined });
    job.controller.abort();
    return true;
  }

  /** Asks a run to pause once its update is done and saved; false when there is no such run at work. */
  pause(jobId: string): boolean {
    const job = this.#jobs.get(jobId);
    if (job?.state !== 'running' || job.run === undefined) return false;
    let end = () => {};
    const continued = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#change(job, { state: 'pausing', pause: { continued, end } });
    return true;
  }

  /** Ends a pause, or the wish for one; false when there is no such job. */
  continue(jobId: string): boolean {
    const job = this.#jobs.get(jobId);
    if (job?.pause === undefined) return false;
    const { end } = job.pause;
    // Another run may have begun in the meantime.
    this.#change(job, { state: job.state === 'paused' ? 'queued' : 'running', pause: undefined });
    end();
    return true;
  }

  /** Takes no more jobs, stops every one there is, and waits until each has ended (and saved what it had to save). */
  async close(): Promise<void> {
    this.#closed = true;
    const jobs = [...this.#jobs.values()];
    for (const job of jobs) this.stop(job.jobId);
    await Promise.allSettled(jobs.map((job) => job.ended));
  }

  /** True while there is work that outlives its client. */
  get hasBackgroundJobs(): boolean {
    return [...this.#jobs.values()].some((job) => job.lane === 'background');
  }

  snapshots(): JobSnapshot[] {
    return [...this.#jobs.values()].map(toSnapshot);
  }

  #change(job: Job, change: Partial<Pick<Job, 'state' | 'run' | 'pause'>>): void {
    Object.assign(job, change);
    this.#listener.jobChanged(toSnapshot(job));
  }

  #start<T>(
    jobId: string,
    kind: JobKind,
    lane: JobLane,
    work: (job: Job, context: JobContext) => Promise<T>,
    client?: AbortSignal,
  ): Promise<T> {
    if (this.#closed) {
      return Promise.reject(new LatroError('engine-stopped', 'The engine is shutting down.', 'Try again in a moment.'));
    }
    if (this.#jobs.has(jobId)) {
      return Promise.reject(new LatroError('bad-request', `There is a job named ${jobId} already.`, 'Name it anew.'));
    }
    const job: Job = {
      jobId,
      kind,
      lane,
      createdAt: this.#clock().toISOString(),
      controller: new AbortController(),
      state: 'queued',
      pause: undefined,
      run: undefined,
      progress: undefined,
      ended: Promise.resolve(),
    };
    this.#jobs.set(jobId, job);
    this.#listener.jobChanged(toSnapshot(job));
    const signals = client === undefined ? [job.controller.signal] : [job.controller.signal, client];
    const result = this.#compete(job, AbortSignal.any(signals), work);
    job.ended = result;
    return result;
  }

  async #compete<T>(job: Job, signal: AbortSignal, work: (job: Job, context: JobContext) => Promise<T>): Promise<T> {
    const { jobId, kind, lane } = job;
    let outcome: ReturnType<typeof toOutcome> | { type: 'ok' } = { type: 'ok' };
    try {
      if (lane !== 'apart') await this.#compute.enter(lane, signal);
      try {
        this.#change(job, { state: 'running' });
        return await work(job, this.#contextOf(job, signal));
      } finally {
        if (lane !== 'apart') this.#compute.leave();
      }
    } catch (error) {
      outcome = toOutcome(error);
      if (isBug(error)) this.#listener.bug(error);
      throw error;
    } finally {
      this.#jobs.delete(jobId);
      const { runId = null, runDirectory = null } = job.run ?? {};
      this.#listener.jobEnded({ jobId, kind, runId, runDirectory, outcome });
    }
  }

  #contextOf(job: Job, signal: AbortSignal): JobContext {
    const { jobId, kind } = job;
    // A job that holds no turn has none to offer.
    const lane = job.lane === 'apart' ? 'interactive' : job.lane;
    return {
      jobId,
      signal,
      progress: (progress) => {
        job.progress = progress;
        this.#listener.progress({ jobId, kind, ...progress });
      },
      onEvent: (event) => {
        // Before the run has a name nobody can be listening for it; its event log has these events all the same.
        if (job.run !== undefined) this.#listener.runEvent({ jobId, runId: job.run.runId, event });
      },
      letInteractiveRun: () => this.#compute.yieldToInteractive(lane, signal),
      pauseIfAsked: async (save) => {
        await this.#compute.yieldToInteractive(lane, signal);
        if (job.pause === undefined) return false;
        await save();
        const { pause } = job; // the wish may have been taken back meanwhile
        if (pause === undefined) return false;
        this.#change(job, { state: 'paused' });
        await this.#compute.pause(pause.continued, signal);
        this.#change(job, { state: 'running' });
        return true;
      },
    };
  }
}

function toSnapshot({ jobId, kind, state, createdAt, run, progress }: Job): JobSnapshot {
  const { runId = null, runDirectory = null } = run ?? {};
  return { jobId, kind, state, createdAt, runId, runDirectory, progress: progress ?? null };
}
