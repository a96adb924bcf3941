/** What the status bar says of the run that is being trained, and of the model that would be; menus hear of the run too. */
import path from 'node:path';
import * as vscode from 'vscode';
import type { JobSnapshot } from '../protocol/engine_rpc.ts';
import type { Disposable } from './common/disposables.ts';
import type { ContextKeys } from './context_keys.ts';
import type { JobTracker } from './engine/job_tracker.ts';
import { durationText, progressText } from './engine/progress_text.ts';
import type { InUse } from './in_use.ts';
import type { Settings } from './settings.ts';
import { plainTooltip, type StatusFace, type StatusItem } from './status_item.ts';

export class StatusBar implements vscode.Disposable {
  readonly #item: StatusItem;
  readonly #jobs: JobTracker;
  readonly #settings: Settings;
  readonly #subscriptions: Disposable[];
  readonly #keys: ContextKeys;
  readonly #use: InUse;
  /** Once it was: the item does not come and go with a file. */
  #wasInUse = false;

  constructor(item: StatusItem, jobs: JobTracker, settings: Settings, keys: ContextKeys, use: InUse) {
    this.#item = item;
    this.#use = use;
    this.#keys = keys;
    this.#jobs = jobs;
    this.#settings = settings;
    const update = () => this.#update();
    this.#subscriptions = [
      jobs.onChanged(update),
      jobs.onEnded(update),
      ...use.listen(update),
      vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration('latro.model') && update()),
    ];
    this.#update();
  }

  #update(): void {
    const run = this.#jobs.activeRun;
    this.#keys.set('latro.training', run !== undefined);
    this.#item.set('run', run && runFace(run));
    this.#wasInUse ||= run !== undefined || this.#use.isInUse();
    this.#item.set('model', this.#wasInUse ? this.#modelFace() : undefined);
  }

  #modelFace(): StatusFace {
    const { modelFolder, starterFolder } = this.#settings;
    const name = modelFolder === undefined ? vscode.l10n.t('no model') : path.basename(modelFolder);
    const isStarter = modelFolder !== undefined && modelFolder === starterFolder;
    const starter = vscode.l10n.t('starter');
    // Where the extension is installed says nothing about its model.
    const whole = isStarter ? starter : (modelFolder ?? name);
    return {
      text: `$(type-hierarchy) LaTRO: ${isStarter ? starter : name}`,
      tooltip: plainTooltip(vscode.l10n.t('LaTRO model: {0}. Select to choose another.', whole)),
      command: 'latro.chooseModel',
    };
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }
}

function runFace({ progress, state, runId }: JobSnapshot): StatusFace {
  const done = progress === null ? '' : ` ${progress.done}/${progress.total}`;
  const left = progress?.secondsLeft == null ? '' : ` · ${durationText(progress.secondsLeft)}`;
  return {
    text:
      state === 'paused'
        ? `$(debug-pause) LaTRO${done} · ${vscode.l10n.t('paused')}`
        : `$(sync~spin) LaTRO${done}${left}`,
    tooltip: plainTooltip(progress === null ? vscode.l10n.t('preparing') : progressText(progress)),
    command: { command: 'latro.openRunDashboard', title: '', arguments: [{ runId: runId ?? '' }] },
  };
}
