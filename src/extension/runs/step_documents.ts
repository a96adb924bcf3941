/**
 * The rollouts of one update as a read-only document: `latro-rollouts:/RUN/step-40.latro-rollouts`. All of it is in the address, so links
 * to other steps are addresses too. The raw file, the neighbouring steps and each question's row are one press away.
 */
import path from 'node:path';
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import type { RunDirectory } from '../../engine/runs/run_directory.ts';
import type { QuestionRollout } from '../../protocol/records.ts';
import type { CommandId } from '../command_ids.ts';
import { DisposableStore } from '../common/disposables.ts';
import type { Reporter } from '../reporter.ts';
import type { RunsWatcher } from './runs_watcher.ts';
import { type StepText, stepText } from './step_text.ts';
import { strategyNames } from './strategies.ts';

const SCHEME = 'latro-rollouts';
const ADDRESS = /^\/([^/]+)\/step-(\d+)\.latro-rollouts$/;

interface StepDocument extends StepText {
  readonly step: number;
  readonly dataset: string;
  readonly rollouts: readonly QuestionRollout[];
  /** Steps that are kept, rising. */
  readonly steps: readonly number[];
  readonly rawFile: string;
}

export class StepDocuments implements vscode.TextDocumentContentProvider, vscode.CodeLensProvider, vscode.Disposable {
  readonly #runs: RunsWatcher;
  readonly #reporter: Reporter;
  readonly #disposables = new DisposableStore();
  readonly #open = new Map<string, StepDocument>();

  constructor(runs: RunsWatcher, reporter: Reporter) {
    this.#runs = runs;
    this.#reporter = reporter;
    this.#disposables.add(vscode.workspace.registerTextDocumentContentProvider(SCHEME, this));
    this.#disposables.add(vscode.languages.registerCodeLensProvider({ scheme: SCHEME }, this));
    this.#disposables.add(vscode.workspace.onDidCloseTextDocument(({ uri }) => void this.#open.delete(uri.toString())));
  }

  /** Shows a step of a run; where its rollouts are not kept, the document is about the nearest step and says so. */
  async show(runId: string, step: number): Promise<void> {
    const directory = await this.#directory(runId);
    await nearestKept(directory, step);
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(addressOf(runId, step)));
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string | undefined> {
    try {
      const document = await this.#read(uri);
      this.#open.set(uri.toString(), document);
      return document.text;
    } catch (error) {
      const failure = this.#reporter.describe(error);
      return failure && `${failure.reason} ${failure.nextStep}`.trim();
    }
  }

  provideCodeLenses({ uri }: vscode.TextDocument): vscode.CodeLens[] {
    const document = this.#open.get(uri.toString());
    const [, runId] = ADDRESS.exec(uri.path) ?? [];
    if (document === undefined || runId === undefined) return [];
    const { l10n } = vscode;
    const { step, steps, lines, rollouts, dataset, rawFile } = document;
    const at = steps.indexOf(step);
    const toStep = (icon: string, other: number | undefined) =>
      other === undefined ? [] : [lens(0, icon, l10n.t('step {0}', other), 'vscode.open', addressOf(runId, other))];
    return [
      lens(0, 'file-code', l10n.t('Raw file'), 'vscode.open', vscode.Uri.file(rawFile)),
      ...toStep('arrow-left', steps[at - 1]),
      ...toStep('arrow-right', steps[at + 1]),
      lens(0, 'graph-line', l10n.t('Open the run'), 'latro.openRunDashboard', { runId }),
      ...lines.map((line, i) => {
        const { rowKey, line: rowLine } = rollouts[i]!;
        const row = { dataset, rowKey, line: rowLine };
        return lens(line, 'list-ordered', l10n.t('Show in the side panel'), 'latro.showRationales', row);
      }),
    ];
  }

  dispose(): void {
    this.#disposables.dispose();
  }

  async #read(uri: vscode.Uri): Promise<StepDocument> {
    const [, runId, asked] = ADDRESS.exec(uri.path) ?? [];
    if (runId === undefined || asked === undefined) throw notThere(uri.path);
    const directory = await this.#directory(runId);
    const steps = await directory.rolloutSteps();
    const step = await nearestKept(directory, Number(asked));
    const [{ config }, rollouts] = await Promise.all([directory.record(), directory.rollouts(step)]);
    const dataset = config.dataset.train;
    const text = stepText(rollouts, { runId, step, asked: Number(asked), dataset, strategies: strategyNames(config) });
    return { ...text, step, dataset, rollouts, steps, rawFile: directory.rolloutFile(step) };
  }

  async #directory(runId: string): Promise<RunDirectory> {
    if (this.#runs.find(runId) === undefined) await this.#runs.refresh();
    const run = this.#runs.find(runId);
    if (run === undefined) throw notThere(runId);
    return this.#runs.directory(run);
  }
}

const addressOf = (runId: string, step: number): vscode.Uri =>
  vscode.Uri.from({ scheme: SCHEME, path: `/${runId}/step-${step}.latro-rollouts` });

function notThere(runId: string): LatroError {
  const { l10n } = vscode;
  const reason = l10n.t('Run {0} is not there.', runId);
  return new LatroError('run-not-found', reason, l10n.t('It may have been removed.'));
}

/** The later one of two that are equally near. @throws LatroError `run-not-found` where there is none */
async function nearestKept(directory: RunDirectory, step: number): Promise<number> {
  const steps = await directory.rolloutSteps();
  const [first] = steps;
  if (first === undefined) {
    const { l10n } = vscode;
    const next = l10n.t('Rollouts are written with each update of a method that samples rationales.');
    throw new LatroError('run-not-found', l10n.t('Run {0} has no rollouts.', path.basename(directory.path)), next);
  }
  return steps.reduce((best, each) => (Math.abs(each - step) <= Math.abs(best - step) ? each : best), first);
}

function lens(
  line: number,
  icon: string,
  text: string,
  command: CommandId | 'vscode.open',
  argument: unknown,
): vscode.CodeLens {
  // VS Code swallows a plain space between an icon and its text.
  const title = `$(${icon})\u00a0${text}`;
  return new vscode.CodeLens(new vscode.Range(line, 0, line, 0), { title, command, arguments: [argument] });
}
