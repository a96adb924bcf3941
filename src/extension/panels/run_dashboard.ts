/** The dashboard of one run: its files as the webview wants them, followed as they grow. */
import path from 'node:path';
import * as v from 'valibot';
import * as vscode from 'vscode';
import { unreachable } from '../../engine/common/errors.ts';
import type { RunDirectory } from '../../engine/runs/run_directory.ts';
import type { JobSnapshot } from '../../protocol/engine_rpc.ts';
import { figuresMade } from '../../protocol/figures_made.ts';
import {
  type DashboardHostMessage,
  DashboardIntent,
  type DashboardRun,
  type RunExport,
} from '../../protocol/panel_messages.ts';
import type { RunEvent } from '../../protocol/records.ts';
import type { CommandId } from '../command_ids.ts';
import { Pace } from '../common/pace.ts';
import type { EngineSupervisor } from '../engine/engine_supervisor.ts';
import { engineText } from '../engine/engine_text.ts';
import type { Reporter } from '../reporter.ts';
import type { EvaluationPair } from '../runs/evaluation_pairs.ts';
import { exportsOf } from '../runs/run_report.ts';
import type { RunNode } from '../runs/runs_tree.ts';
import type { RunsWatcher } from '../runs/runs_watcher.ts';
import { NewestWins, strategyNames } from '../runs/strategies.ts';
import { EventLog } from './event_log.ts';
import { performPanelAction } from './panel_actions.ts';
import type { PanelController, PanelKind } from './panel_group.ts';
import { controlsOf, liveStatus, progressOf } from './run_state.ts';

export const DashboardSubject = v.object({ runId: v.string() });
export type DashboardSubject = v.InferOutput<typeof DashboardSubject>;

export interface DashboardServices {
  readonly runs: RunsWatcher;
  readonly engine: EngineSupervisor;
  readonly reporter: Reporter;
  readonly openStep: (runId: string, step: number) => Promise<void>;
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
    detail: ({ runId }) => runId,
    open: ({ runId }, { post }) => new RunDashboard(services, runId, post),
  };
}

/** Progress comes with every update of a fast run; the eye needs less. */
const REDRAW_MILLISECONDS = 250;

class RunDashboard implements PanelController<DashboardIntent> {
  readonly #services: DashboardServices;
  readonly #runId: string;
  readonly #post: (message: DashboardHostMessage) => void;
  readonly #subscriptions: readonly { dispose(): void }[];
  /** As far as it was read and sent. */
  readonly #log = new EventLog();
  /** Of its configuration, which does not change. */
  #exports: RunExport[] = [];
  #strategyNames: Record<string, string> = {};
  #objective: DashboardRun['objective'];
  readonly #wins = new NewestWins();
  #ready = false;
  #last: Promise<void> = Promise.resolve();

  constructor(services: DashboardServices, runId: string, post: (message: DashboardHostMessage) => void) {
    this.#services = services;
    this.#runId = runId;
    this.#post = post;
    const pace = new Pace(() => this.#inTurn(() => this.#update()), REDRAW_MILLISECONDS);
    const { jobs } = services.engine;
    this.#subscriptions = [pace, services.runs.onChanged(pace.ask), jobs.onChanged(pace.ask), jobs.onEnded(pace.ask)];
  }

  async obey(intent: DashboardIntent): Promise<void> {
    switch (intent.type) {
      case 'ready':
        return this.#inTurn(() => this.#snapshot());
      case 'action':
        return await performPanelAction(intent.action, () => this.#inTurn(() => this.#snapshot()));
      case 'pause':
        return await this.#run('latro.pauseRun', intent);
      case 'stop':
        return await this.#run('latro.stopRun', intent);
      case 'continue':
      case 'resume':
        return await this.#run('latro.resumeRun', intent);
      case 'roll-back':
        return await this.#run('latro.rollBack', intent);
      case 'export':
        return await this.#run('latro.exportRun', intent);
      case 'open-step':
        return await this.#services.openStep(intent.runId, intent.step);
      case 'compare': {
        const { runId, before, after } = intent;
        const pair: EvaluationPair = {
          before: { runId, evaluation: before },
          after: { runId, evaluation: after },
        };
        return await this.#run('latro.compare', pair);
      }
      default:
        return unreachable(intent);
    }
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /** The buttons do what the palette does, with what it would ask for already chosen. Commands report their own errors. */
  async #run(command: CommandId, argument: RunNode | EvaluationPair): Promise<void> {
    await vscode.commands.executeCommand(command, argument);
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
    const { runs } = this.#services;
    // Only here: a look at the disk tells everybody who follows it, this panel too, and a run that is gone would be looked for again.
    if (runs.find(this.#runId) === undefined) await runs.refresh();
    const directory = this.#directory();
    await this.#log.follow(directory);
    const { config } = await directory.record();
    this.#exports = exportsOf(config);
    this.#strategyNames = strategyNames(config);
    this.#objective = figuresMade(config, config.questionsPerStep);
    this.#post({ type: 'snapshot', snapshot: await this.#picture(directory, this.#log.all) });
  }

  async #update(): Promise<void> {
    if (!this.#ready) return;
    const directory = this.#directory();
    const firstEvent = this.#log.all.length;
    if (!(await this.#log.follow(directory))) return await this.#snapshot(); // rolled back
    const {
      kind: _k,
      name: _n,
      model: _m,
      dataset: _d,
      startedAt: _s,
      ...changing
    } = await this.#picture(directory, this.#log.all.slice(firstEvent));
    this.#post({ ...changing, type: 'update', firstEvent });
  }

  #directory(): RunDirectory {
    const { runs, engine } = this.#services;
    return runs.directory({ directory: runs.whereIs(this.#runId, engine.jobs) ?? path.join(runs.folder, this.#runId) });
  }

  async #picture(directory: RunDirectory, events: readonly RunEvent[]): Promise<DashboardRun> {
    const run = await this.#services.runs.summary(directory);
    const job = this.#job();
    return {
      kind: 'run',
      runId: run.id,
      name: run.id,
      model: path.basename(run.model),
      dataset: vscode.workspace.asRelativePath(run.dataset),
      startedAt: run.createdAt,
      status: liveStatus(run, job),
      statusReason: engineText(run.statusReason),
      progress: progressOf(run, job, this.#log.all, Date.now()),
      events: events.map(translated),
      rolloutSteps: await directory.rolloutSteps(),
      checkpointSteps: await directory.checkpoints.steps(),
      controls: controlsOf(run, job),
      exports: this.#exports,
      ...(this.#objective === undefined ? {} : { objective: this.#objective }),
      ...(await this.#strategies(directory)),
      failure: null,
    };
  }

  async #strategies(directory: RunDirectory): Promise<Pick<DashboardRun, 'strategies'>> {
    if (Object.keys(this.#strategyNames).length === 0) return {};
    const wins = await this.#wins.of(this.#log.all, (name) => directory.evaluationRows(name));
    return { strategies: { names: this.#strategyNames, wins } };
  }

  #job(): JobSnapshot | undefined {
    return this.#services.engine.jobs.ofRun(this.#runId);
  }
}

/** The webview shows what a health warning says, and nothing else of the log that is in words. */
function translated(event: RunEvent): RunEvent {
  if (event.type !== 'health') return event;
  return { ...event, message: engineText(event.message), cure: engineText(event.cure) };
}
