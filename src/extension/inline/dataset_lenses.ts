/** Lenses above a dataset: train on it, evaluate on it, see the prompt the model sees, and how the last run did. */
import * as vscode from 'vscode';
import type { JobSnapshot } from '../../protocol/engine_rpc.ts';
import type { EvaluationSummary } from '../../protocol/records.ts';
import type { CommandId } from '../command_ids.ts';
import { DisposableStore } from '../common/disposables.ts';
import { tooLargeText } from '../dataset/too_large.ts';
import type { JobTracker } from '../engine/job_tracker.ts';
import { percent, shownRun, stepText } from '../runs/run_text.ts';
import { areOfSameQuestions, type DatasetHistory, type DatasetResults, pairOf } from './dataset_results.ts';
import type { DocumentIndexes } from './document_indexes.ts';

export class DatasetLenses implements vscode.CodeLensProvider, vscode.Disposable {
  readonly #indexes: DocumentIndexes;
  readonly #results: Pick<DatasetResults, 'history' | 'onChanged'>;
  readonly #jobs: Pick<JobTracker, 'ofRun' | 'onChanged' | 'onEnded'>;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #disposables = new DisposableStore();
  /** Documents that are known to be datasets: once one is, its edits change no lens. */
  readonly #datasets = new WeakSet<vscode.TextDocument>();

  readonly onDidChangeCodeLenses = this.#changed.event;

  constructor(
    indexes: DocumentIndexes,
    results: Pick<DatasetResults, 'history' | 'onChanged'>,
    jobs: Pick<JobTracker, 'ofRun' | 'onChanged' | 'onEnded'>,
  ) {
    this.#indexes = indexes;
    this.#results = results;
    this.#jobs = jobs;
    /** What the engine said last of each job: most of what it says of one is how far it is, which the files of its run say too. */
    const states = new Map<string, JobSnapshot['state']>();
    const parts = [
      this.#changed,
      results.onChanged(() => this.#changed.fire()),
      jobs.onChanged(({ jobId, state }) => {
        if (states.get(jobId) === state) return;
        states.set(jobId, state);
        this.#changed.fire();
      }),
      jobs.onEnded(({ jobId }) => {
        if (states.delete(jobId)) this.#changed.fire();
      }),
      indexes.onChanged(({ document, format }) => {
        if (this.#datasets.has(document) === (format !== undefined)) return;
        if (format === undefined) this.#datasets.delete(document);
        else this.#datasets.add(document);
        this.#changed.fire();
      }),
    ];
    for (const part of parts) this.#disposables.add(part);
  }

  dispose(): void {
    this.#disposables.dispose();
  }

  async provideCodeLenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    const index = this.#indexes.of(document);
    if (index?.format === undefined || !vscode.workspace.isTrusted) return [];
    const { l10n } = vscode;
    const { uri } = document;
    const history = await this.#results.history(document.fileName);
    return [
      lens('play', l10n.t('Train'), l10n.t('Train on this dataset'), 'latro.trainOnDataset', uri),
      lens('checklist', l10n.t('Evaluate'), l10n.t('Evaluate on this dataset'), 'latro.evaluate', uri),
      index.isTooLarge
        ? lens(
            'warning',
            l10n.t('Larger than 4 MB: convert to JSON Lines to see rows'),
            tooLargeText(),
            'latro.convertToJsonLines',
            uri,
          )
        : lens(
            'eye',
            l10n.t('Preview prompt'),
            l10n.t('What the model reads for the row under the cursor, and the answer it is rewarded for'),
            'latro.previewPrompt',
            uri,
          ),
      ...(history === null ? [] : resultLenses(history, this.#jobs)),
    ];
  }
}

/** The accuracy before and after, once both are there; before that, how far the run is. */
function resultLenses(history: DatasetHistory, jobs: Pick<JobTracker, 'ofRun'>): vscode.CodeLens[] {
  const { l10n } = vscode;
  const { run, before, now } = history;
  if (run === null) {
    if (now === null) return [];
    return [
      lens(
        'graph-line',
        accuracyText(now.summary),
        l10n.t('Open the answers'),
        'vscode.open',
        vscode.Uri.file(now.file),
      ),
    ];
  }
  const pair = pairOf(history);
  if (now !== null && before !== null && pair !== null && areOfSameQuestions(history)) {
    const text = `${percent(before.summary.greedyAccuracy)} → ${accuracyText(now.summary)}`;
    return [lens('diff', text, l10n.t('Compare question by question'), 'latro.compare', pair)];
  }
  const text = now === null ? stepText(shownRun(run, jobs.ofRun(run.id))) : accuracyText(now.summary);
  return [lens('graph-line', text, l10n.t('Open the run'), 'latro.openRunDashboard', { runId: run.id })];
}

const accuracyText = ({ greedyAccuracy, questions }: EvaluationSummary): string =>
  vscode.l10n.t('{0} of {1} questions right', percent(greedyAccuracy), questions);

function lens(
  icon: string,
  text: string,
  tooltip: string,
  command: CommandId | 'vscode.open',
  argument: unknown,
): vscode.CodeLens {
  // VS Code swallows a plain space between an icon and its text.
  const title = `$(${icon})\u00a0${text}`;
  return new vscode.CodeLens(new vscode.Range(0, 0, 0, 0), { title, tooltip, command, arguments: [argument] });
}
