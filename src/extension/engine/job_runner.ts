/** Runs one job of the engine under VS Code's progress notification: how far, how fast, how long still, and a cancel button. */
import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { Cancelled, unreachable } from '../../engine/common/errors.ts';
import type { JobSnapshot, RequestResult } from '../../protocol/engine_rpc.ts';
import type { Disposable } from '../common/disposables.ts';
import { type EngineClient, EngineRequestError } from './engine_client.ts';
import type { EngineSupervisor } from './engine_supervisor.ts';
import { progressText } from './progress_text.ts';

/** What a job gets: the engine, the name to give it, and the user's wish to stop. */
export interface JobHandle {
  readonly client: EngineClient;
  readonly jobId: string;
  readonly signal: AbortSignal;
}

export type StartedRun = RequestResult<'train'>;
export interface EndedRun extends StartedRun {
  readonly end: 'finished' | 'stopped' | 'paused' | 'lost';
}

export class JobRunner {
  readonly #engine: EngineSupervisor;
  /** Jobs whose end this window is waiting for and will tell of itself. */
  readonly #own = new Set<string>();

  constructor(engine: EngineSupervisor) {
    this.#engine = engine;
  }

  isOwn(jobId: string): boolean {
    return this.#own.has(jobId);
  }

  /** Runs `work` with progress; rejects with `Cancelled` when the user stops it. `jobId`: of a job that exists already. */
  async withProgress<T>(title: string, work: (job: JobHandle) => Promise<T>, jobId: string = randomUUID()): Promise<T> {
    const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
    this.#own.add(jobId);
    try {
      return await vscode.window.withProgress(options, async (progress, token) => {
        const controller = new AbortController();
        token.onCancellationRequested(() => controller.abort());
        const show = showing(progress);
        const subscription = this.#engine.jobs.onChanged((job) => job.jobId === jobId && show(job));
        try {
          const client = await this.#engine.client();
          // Starting the engine takes seconds, in which one may think better of it.
          if (controller.signal.aborted) throw new Cancelled();
          return await work({ client, jobId, signal: controller.signal });
        } finally {
          subscription.dispose();
        }
      });
    } finally {
      this.#own.delete(jobId);
    }
  }

  /**
   * Starts a run and waits until it ends, or is paused; rejects when it fails. 'stopped' or 'paused' by the user, 'lost' with its engine
   * (told elsewhere).
   */
  async train(title: string, start: (job: JobHandle) => Promise<StartedRun>): Promise<EndedRun> {
    return await this.withProgress(title, (job) => this.#untilItEnds(job, start));
  }

  /** Goes on with a paused run, and waits as `train` does. */
  async continue(title: string, { jobId }: JobSnapshot, run: StartedRun): Promise<EndedRun> {
    const start = async ({ client }: JobHandle) => {
      await client.request('continue', { jobId });
      return run;
    };
    return await this.withProgress(title, (job) => this.#untilItEnds(job, start), jobId);
  }

  async #untilItEnds(job: JobHandle, start: (job: JobHandle) => Promise<StartedRun>): Promise<EndedRun> {
    const { client, jobId, signal } = job;
    const { jobs } = this.#engine;
    signal.addEventListener('abort', () => void client.request('stop', { jobId }).catch(() => {}));
    const ended = jobs.ended(jobId);
    let subscription: Disposable | undefined;
    const paused = new Promise<{ outcome: { type: 'paused' } }>((resolve) => {
      subscription = jobs.onChanged((changed) => {
        if (changed.jobId === jobId && changed.state === 'paused') resolve({ outcome: { type: 'paused' } });
      });
    });
    try {
      const run = await start(job);
      const { outcome } = await Promise.race([ended, paused]);
      switch (outcome.type) {
        case 'ok':
          return { ...run, end: 'finished' };
        case 'cancelled':
          return { ...run, end: 'stopped' };
        case 'paused':
        case 'lost':
          return { ...run, end: outcome.type };
        case 'error':
          throw new EngineRequestError(outcome);
        default:
          return unreachable(outcome);
      }
    } finally {
      subscription?.dispose();
    }
  }
}

/** VS Code adds increments up itself; the engine says how much is done. A new phase starts the bar anew only in words. */
function showing(progress: vscode.Progress<{ message?: string; increment?: number }>): (job: JobSnapshot) => void {
  const { l10n } = vscode;
  let shown = 0;
  return ({ state, progress: now }) => {
    if (state === 'queued') return progress.report({ message: l10n.t('waiting for the job before it') });
    if (state === 'stopping') return progress.report({ message: l10n.t('stopping') });
    if (state === 'pausing') return progress.report({ message: l10n.t('pausing after this update') });
    if (now === null) return;
    const percent = now.total === 0 ? 0 : Math.min(100, (100 * now.done) / now.total);
    const increment = Math.max(0, percent - shown);
    shown += increment;
    progress.report({ message: progressText(now), increment });
  };
}
