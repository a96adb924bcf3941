/** The one status bar item: the run that is being trained, else the model that would be. */
import path from 'node:path';
import * as vscode from 'vscode';
import type { JobTracker } from './engine/job_tracker.ts';
import { durationText, progressText } from './engine/progress_text.ts';
import type { Settings } from './settings.ts';

export class StatusBar implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem('latro.status', vscode.StatusBarAlignment.Left);
  readonly #jobs: JobTracker;
  readonly #settings: Settings;
  readonly #subscriptions: vscode.Disposable[];
  /** As VS Code's `when` clauses know it. */
  #isTraining: boolean | undefined;

  constructor(jobs: JobTracker, settings: Settings) {
    this.#jobs = jobs;
    this.#settings = settings;
    this.#item.name = 'LaTRO Studio';
    const update = () => this.#update();
    this.#subscriptions = [
      jobs.onChanged(update),
      jobs.onEnded(update),
      vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration('latro.model') && update()),
    ];
    this.#update();
    this.#item.show();
  }

  #update(): void {
    const run = this.#jobs.activeRun;
    this.#setTraining(run !== undefined);
    if (run === undefined) {
      const model = this.#settings.modelFolder;
      const name = model === undefined ? vscode.l10n.t('no model') : path.basename(model);
      const isStarter = model !== undefined && model === this.#settings.starterFolder;
      this.#item.text = `$(type-hierarchy) LaTRO: ${isStarter ? vscode.l10n.t('starter') : name}`;
      this.#item.tooltip = vscode.l10n.t('LaTRO model: {0}. Select to choose another.', model ?? name);
      this.#item.command = 'latro.chooseModel';
      return;
    }
    const { progress } = run;
    const done = progress === null ? '' : ` ${progress.done}/${progress.total}`;
    const left = progress?.secondsLeft == null ? '' : ` · ${durationText(progress.secondsLeft)}`;
    const paused = run.state === 'paused';
    this.#item.text = paused
      ? `$(debug-pause) LaTRO${done} · ${vscode.l10n.t('paused')}`
      : `$(sync~spin) LaTRO${done}${left}`;
    this.#item.tooltip = progress === null ? vscode.l10n.t('preparing') : progressText(progress);
    this.#item.command = {
      command: 'latro.openRunDashboard',
      title: '',
      arguments: [{ runId: run.runId ?? '' }],
    };
  }

  #setTraining(isTraining: boolean): void {
    if (isTraining === this.#isTraining) return;
    this.#isTraining = isTraining;
    void vscode.commands.executeCommand('setContext', 'latro.training', isTraining);
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    this.#item.dispose();
  }
}
