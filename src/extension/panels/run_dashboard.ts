/** The dashboard of one run: its files as the webview wants them, followed as they grow. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import * as vscode from 'vscode';
import { unreachable } from '../../engine/common/errors.ts';
import type { RunDirectory } from '../../engine/runs/run_directory.ts';
import type { JobSnapshot } from '../../protocol/engine_rpc.ts';
import {
  type DashboardHostMessage,
  DashboardIntent,
  type DashboardRun,
  type RunControl,
  type RunProgress,
} from '../../protocol/panel_messages.ts';
import type { RunEvent } from '../../protocol/records.ts';
import type { RunSummary } from '../../protocol/run_record.ts';
import type { EngineSupervisor } from '../engine/engine_supervisor.ts';
import type { Reporter } from '../reporter.ts';
import { isResumable } from '../runs/run_text.ts';
import type { RunsWatcher } from '../runs/runs_watcher.ts';
import type { EvaluationPair } from './accuracy_diff.ts';
import { performPanelAction } from './panel_actions.ts';
import type { PanelController, PanelKind } from './panel_group.ts';

export const DashboardSubject = v.object({ runId: v.string() });
export type DashboardSubject = v.InferOutput<typeof DashboardSubject>;

export interface DashboardServices {
  readonly runs: RunsWatcher;
  readonly engine: EngineSupervisor;
  readonly reporter: Reporter;
  readonly compare: (pair: EvaluationPair) => Promise<void>;
}

export function dashboardKind(
  services: DashboardServices,
): PanelKind<DashboardSubject, DashboardHostMessage, DashboardIntent> {
  return {
    viewType: 'latro.runDashboard',
    page: 'dashboard_panel',
    intents: DashboardIntent,
    subject: DashboardSubject,
    title: ({ runId }) => vscode.l10n.t('Run {0}', runId),
    open: ({ runId }, post) => new RunDashboard(services, runId, post),
  };
}

/** Progress comes with every update of a fast run; the eye needs less. */
const REDRAW_MILLISECONDS = 250;

class RunDashboard implements PanelController<DashboardIntent> {
  readonly #services: DashboardServices;
  readonly #runId: string;
  readonly #post: (message: DashboardHostMessage) => void;
  readonly #subscriptions: readonly { dispose(): void }[];
  /** `events.jsonl` as far as it was read and sent. */
  #events: RunEvent[] = [];
  #end = 0;
  #ready = false;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(services: DashboardServices, runId: string, post: (message: DashboardHostMessage) => void) {
    this.#services = services;
    this.#runId = runId;
    this.#post = post;
    const soon = () => {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#inTurn(() => this.#update());
      }, REDRAW_MILLISECONDS);
    };
    const { jobs } = services.engine;
    this.#subscriptions = [services.runs.onChanged(soon), jobs.onChanged(soon), jobs.onEnded(soon)];
  }

  async obey(intent: DashboardIntent): Promise<void> {
    const { engine, compare, runs } = this.#services;
    switch (intent.type) {
      case 'ready':
        return this.#inTurn(() => this.#snapshot());
      case 'action':
        return await performPanelAction(intent.action, () => this.#inTurn(() => this.#snapshot()));
      case 'stop': {
        const job = this.#job();
        if (job !== undefined) await (await engine.client()).request('stop', { jobId: job.jobId });
        return;
      }
      case 'resume':
        return void (await vscode.commands.executeCommand('latro.resumeRun', { runId: intent.runId }));
      case 'open-step': {
        const run = runs.find(intent.runId);
        if (run === undefined) return;
        await vscode.window.showTextDocument(vscode.Uri.file(runs.directory(run).rolloutFile(intent.step)));
        return;
      }
      case 'compare': {
        const { runId, before, after } = intent;
        return await compare({ before: { runId, evaluation: before }, after: { runId, evaluation: after } });
      }
      case 'pause':
      case 'continue':
      case 'roll-back':
      case 'export':
        return; // not among the controls that are offered
      default:
        return unreachable(intent);
    }
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /** Reading takes time, and two readers of the same log would send its lines twice. */
  #inTurn(action: () => Promise<void>): void {
    this.#last = this.#last.then(action).catch((error: unknown) => {
      const failure = this.#services.reporter.describe(error) ?? { code: 'internal', reason: '', nextStep: '' };
      const actions = ['retry' as const, 'open-log' as const];
      this.#post({ type: 'snapshot', snapshot: { kind: 'failed', failure: { ...failure, actions } } });
    });
  }

  async #snapshot(): Promise<void> {
    this.#ready = true;
    const directory = await this.#directory();
    this.#events = [];
    this.#end = 0;
    await this.#readEvents(directory);
    this.#post({ type: 'snapshot', snapshot: await this.#picture(directory, this.#events) });
  }

  async #update(): Promise<void> {
    if (!this.#ready) return;
    const directory = await this.#directory();
    const { size } = await stat(directory.eventsFile).catch(() => ({ size: 0 }));
    if (size < this.#end) return await this.#snapshot(); // rolled back
    const firstEvent = this.#events.length;
    await this.#readEvents(directory);
    const {
      kind: _k,
      name: _n,
      model: _m,
      dataset: _d,
      startedAt: _s,
      ...changing
    } = await this.#picture(directory, this.#events.slice(firstEvent));
    this.#post({ ...changing, type: 'update', firstEvent });
  }

  async #readEvents(directory: RunDirectory): Promise<void> {
    const { records, end } = await directory.events(this.#end);
    this.#events.push(...records);
    this.#end = end;
  }

  async #directory(): Promise<RunDirectory> {
    const { runs } = this.#services;
    if (runs.find(this.#runId) === undefined) await runs.refresh();
    return runs.directory({ directory: runs.find(this.#runId)?.directory ?? path.join(runs.folder, this.#runId) });
  }

  async #picture(directory: RunDirectory, events: RunEvent[]): Promise<DashboardRun> {
    const run = await this.#services.runs.summary(directory);
    const job = this.#job();
    return {
      kind: 'run',
      runId: run.id,
      name: run.id,
      model: path.basename(run.model),
      dataset: vscode.workspace.asRelativePath(run.dataset),
      startedAt: run.createdAt,
      status: job?.state === 'stopping' ? 'stopping' : run.status,
      statusReason: run.statusReason,
      progress: progressOf(run, job, this.#events),
      events,
      rolloutSteps: await directory.rolloutSteps(),
      checkpointSteps: await directory.checkpoints.steps(),
      controls: controlsOf(run, job),
      failure: null,
    };
  }

  #job(): JobSnapshot | undefined {
    return this.#services.engine.jobs.jobs.find((job) => job.runId === this.#runId);
  }
}

function progressOf(run: RunSummary, job: JobSnapshot | undefined, events: readonly RunEvent[]): RunProgress {
  const { phase, step, totalSteps } = run;
  const until = run.status === 'running' ? Date.now() : Date.parse(events.at(-1)?.time ?? run.createdAt);
  const progress = job?.progress;
  const counted = progress ?? {
    done: step,
    total: totalSteps ?? 0,
    unit: 'updates',
    ratePerSecond: null,
    secondsLeft: null,
  };
  return {
    phase,
    done: counted.done,
    total: counted.total,
    unit: counted.unit === 'questions' ? 'questions' : 'updates',
    perSecond: counted.ratePerSecond,
    secondsElapsed: Math.max(0, (until - Date.parse(run.createdAt)) / 1000),
    secondsLeft: counted.secondsLeft,
  };
}

/** A run of the command line can be watched, not steered. */
function controlsOf(run: RunSummary, job: JobSnapshot | undefined): RunControl[] {
  if (job !== undefined) return job.state === 'stopping' ? [] : ['stop'];
  return isResumable(run) ? ['resume'] : [];
}
