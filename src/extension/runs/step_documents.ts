/**
 * The rollouts of one update as a read-only document: `latro-rollouts:/RUN/step-40.latro-rollouts`. All of it is in the address, so links
 * to other steps are addresses too. The raw file, the neighbouring steps and each question's row are one press away. An open one follows
 * its run: steps come while it trains, and are written anew after a roll back.
 */
import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import type { RunDirectory } from '../../engine/runs/run_directory.ts';
import type { QuestionRollout } from '../../protocol/records.ts';
import type { CommandId } from '../command_ids.ts';
import { DisposableStore } from '../common/disposables.ts';
import { failureText } from '../engine/engine_text.ts';
import type { JobTracker } from '../engine/job_tracker.ts';
import type { Reporter } from '../reporter.ts';
import type { RunsWatcher } from './runs_watcher.ts';
import type { StepRow } from './step_row.ts';
import { type StepText, stepDocument } from './step_text.ts';
import { strategyNames } from './strategies.ts';

const SCHEME = 'latro-rollouts';
const ADDRESS = /^\/([^/]+)\/step-(\d+)\.latro-rollouts$/;

interface Kept {
  /** Steps that are kept, rising. */
  readonly steps: readonly number[];
  /** The one that is shown. */
  readonly step: number;
  readonly rawFile: string;
  /** Changes with all of the above and with the file. */
  readonly stamp: string;
}

interface StepDocument extends StepText, Omit<Kept, 'stamp'> {
  readonly dataset: string;
  readonly rollouts: readonly QuestionRollout[];
}

/** An open document as it was last read; its stamp is empty, and there is no content, while there is nothing to read. */
interface Read {
  readonly stamp: string;
  readonly content?: StepDocument;
}

export class StepDocuments implements vscode.TextDocumentContentProvider, vscode.CodeLensProvider, vscode.Disposable {
  readonly #runs: RunsWatcher;
  readonly #reporter: Reporter;
  readonly #jobs: Pick<JobTracker, 'runDirectories'>;
  readonly #disposables = new DisposableStore();
  readonly #open = new Map<string, Read>();
  readonly #changed = this.#disposables.add(new vscode.EventEmitter<vscode.Uri>());
  readonly #lensesChanged = this.#disposables.add(new vscode.EventEmitter<void>());

  readonly onDidChange = this.#changed.event;
  readonly onDidChangeCodeLenses = this.#lensesChanged.event;

  constructor(runs: RunsWatcher, reporter: Reporter, jobs: Pick<JobTracker, 'runDirectories'>) {
    this.#runs = runs;
    this.#jobs = jobs;
    this.#reporter = reporter;
    this.#disposables.add(vscode.workspace.registerTextDocumentContentProvider(SCHEME, this));
    this.#disposables.add(vscode.languages.registerCodeLensProvider({ scheme: SCHEME }, this));
    this.#disposables.add(vscode.workspace.onDidCloseTextDocument(({ uri }) => void this.#open.delete(uri.toString())));
    this.#disposables.add(runs.onChanged(() => void this.#followAll()));
  }

  /** Shows a step of a run; where its rollouts are not kept, the document is about the nearest step and says so. */
  async show(runId: string, step: number): Promise<void> {
    const uri = addressOf(runId, step);
    await this.#kept(await this.#directory(runId), step);
    await this.#follow(uri.toString());
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri));
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string | undefined> {
    const key = uri.toString();
    const before = this.#open.get(key)?.content;
    try {
      const { stamp, ...content } = await this.#read(uri);
      this.#open.set(key, { stamp, content });
      // The editor asks for them anew only when the text is another one.
      if (before?.text === content.text) this.#lensesChanged.fire();
      return content.text;
    } catch (error) {
      this.#open.set(key, { stamp: '' });
      const failure = this.#reporter.describe(error);
      return failure && failureText(failure);
    }
  }

  provideCodeLenses({ uri }: vscode.TextDocument): vscode.CodeLens[] {
    const document = this.#open.get(uri.toString())?.content;
    const runId = runIdOf(uri);
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
        const row: StepRow = { dataset, rowKey, line: rowLine, runId, step };
        return lens(line, 'list-ordered', l10n.t('Show in the side panel'), 'latro.showRationales', row);
      }),
    ];
  }

  dispose(): void {
    this.#disposables.dispose();
  }

  async #followAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((key) => this.#follow(key)));
  }

  /** Has an open document read anew if what it shows has changed on disk. */
  async #follow(key: string): Promise<void> {
    const known = this.#open.get(key);
    if (known === undefined) return;
    const uri = vscode.Uri.parse(key);
    // A run that is gone is not looked for: the look would bring us back here.
    const isThere = this.#whereIs(runIdOf(uri) ?? '') !== undefined;
    const now = isThere ? await this.#keptAt(uri).catch(() => undefined) : undefined;
    if (known === this.#open.get(key) && (now?.stamp ?? '') !== known.stamp) this.#changed.fire(uri);
  }

  async #keptAt(uri: vscode.Uri): Promise<Kept & { readonly asked: number; readonly directory: RunDirectory }> {
    const [, runId, asked] = ADDRESS.exec(uri.path) ?? [];
    if (runId === undefined || asked === undefined) throw notThere(uri.path);
    const directory = await this.#directory(runId);
    return { ...(await this.#kept(directory, Number(asked))), asked: Number(asked), directory };
  }

  async #read(uri: vscode.Uri): Promise<StepDocument & Kept> {
    // The stamp is taken first: what is written meanwhile is another one.
    const { directory, asked, ...kept } = await this.#keptAt(uri);
    const { step } = kept;
    const [{ config }, rollouts] = await Promise.all([directory.record(), directory.rollouts(step)]);
    const dataset = config.dataset.train;
    const facts = { runId: directory.id, step, asked, dataset, strategies: strategyNames(config) };
    return { ...stepDocument(rollouts, facts, vscode.l10n), ...kept, dataset, rollouts };
  }

  /** @throws LatroError `run-not-found` where no step is kept */
  async #kept(directory: RunDirectory, asked: number): Promise<Kept> {
    const steps = await directory.rolloutSteps();
    const step = nearestOf(steps, asked);
    if (step === undefined) {
      const { l10n } = vscode;
      const next = l10n.t('Rollouts are written with each update of a method that samples rationales.');
      throw new LatroError('run-not-found', l10n.t('Run {0} has no rollouts.', directory.id), next);
    }
    const rawFile = directory.rolloutFile(step);
    const { mtimeMs, size } = await stat(rawFile);
    return { steps, step, rawFile, stamp: [mtimeMs, size, step, ...steps].join(' ') };
  }

  async #directory(runId: string): Promise<RunDirectory> {
    if (this.#whereIs(runId) === undefined) await this.#runs.refresh();
    const directory = this.#whereIs(runId);
    if (directory === undefined) throw notThere(runId);
    return this.#runs.directory({ directory });
  }

  #whereIs(runId: string): string | undefined {
    return this.#runs.whereIs(runId, this.#jobs);
  }
}

const runIdOf = (uri: vscode.Uri): string | undefined => ADDRESS.exec(uri.path)?.[1];

const addressOf = (runId: string, step: number): vscode.Uri =>
  vscode.Uri.from({ scheme: SCHEME, path: `/${runId}/step-${step}.latro-rollouts` });

function notThere(runId: string): LatroError {
  const { l10n } = vscode;
  const reason = l10n.t('Run {0} is not there.', runId);
  return new LatroError('run-not-found', reason, l10n.t('It may have been removed.'));
}

/** The later one of two that are equally near; undefined where there is none. */
const nearestOf = (steps: readonly number[], step: number): number | undefined =>
  steps.reduce<number | undefined>(
    (best, each) => (best === undefined || Math.abs(each - step) <= Math.abs(best - step) ? each : best),
    undefined,
  );

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
