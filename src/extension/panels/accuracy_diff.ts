/** The accuracy diff: two evaluations of runs on disk, paired question by question. */
import * as v from 'valibot';
import * as vscode from 'vscode';
import { LatroError, unreachable } from '../../engine/common/errors.ts';
import { type AccuracyComparison, type AccuracyHostMessage, AccuracyIntent } from '../../protocol/panel_messages.ts';
import type { EvaluationRow, EvaluationSummary } from '../../protocol/records.ts';
import { openRow } from '../dataset/open_row.ts';
import type { Reporter } from '../reporter.ts';
import { evaluationText, questionsText, setOf, weightsText } from '../runs/evaluation_text.ts';
import type { RunsWatcher } from '../runs/runs_watcher.ts';
import { csvOf, markdownOf } from './accuracy_export.ts';
import { comparedQuestions, pairRows, type RowPair } from './accuracy_pairs.ts';
import { compareInThread } from './comparison.ts';
import { performPanelAction } from './panel_actions.ts';
import type { PanelController, PanelKind } from './panel_group.ts';

const EvaluationReference = v.object({ runId: v.string(), evaluation: v.string() });
export type EvaluationReference = v.InferOutput<typeof EvaluationReference>;
export const EvaluationPair = v.object({ before: EvaluationReference, after: EvaluationReference });
export type EvaluationPair = v.InferOutput<typeof EvaluationPair>;

export interface AccuracyServices {
  readonly runs: RunsWatcher;
  readonly reporter: Reporter;
}

export function accuracyKind(
  services: AccuracyServices,
): PanelKind<EvaluationPair, AccuracyHostMessage, AccuracyIntent> {
  return {
    viewType: 'latro.accuracyDiff',
    page: 'accuracy_panel',
    intents: AccuracyIntent,
    subject: EvaluationPair,
    title: ({ before, after }) => {
      const same = setOf(before.evaluation) === setOf(after.evaluation);
      const text = same ? weightsText : evaluationText;
      return vscode.l10n.t('Accuracy: {0} → {1}', text(before.evaluation), text(after.evaluation));
    },
    detail: ({ before, after }) => {
      const runs = before.runId === after.runId ? before.runId : `${before.runId} → ${after.runId}`;
      return `${questionsText(after.evaluation)}, ${runs}`;
    },
    open: (pair, post) => new AccuracyDiff(services, pair, post),
  };
}

interface Loaded {
  readonly comparison: AccuracyComparison;
  readonly pairs: ReadonlyMap<string, RowPair>;
  /** The file both evaluations read. */
  readonly file: string;
}

class AccuracyDiff implements PanelController<AccuracyIntent> {
  readonly #services: AccuracyServices;
  readonly #post: (message: AccuracyHostMessage) => void;
  #pair: EvaluationPair;
  /** Finished evaluations do not change: read once, and again when swapped. */
  #loaded: Promise<Loaded> | undefined;

  constructor(services: AccuracyServices, pair: EvaluationPair, post: (message: AccuracyHostMessage) => void) {
    this.#services = services;
    this.#pair = pair;
    this.#post = post;
  }

  async obey(intent: AccuracyIntent): Promise<void> {
    switch (intent.type) {
      case 'ready':
        return await this.#show();
      case 'action':
        return await performPanelAction(intent.action, () => {
          this.#loaded = undefined;
          void this.#show();
        });
      case 'show-question': {
        const pair = (await this.#load()).pairs.get(intent.rowKey);
        if (pair !== undefined) this.#post({ type: 'question', ...pair });
        return;
      }
      case 'open-row':
        return await openRow((await this.#load()).file, intent.rowKey, intent.line);
      case 'swap':
        this.#pair = { before: this.#pair.after, after: this.#pair.before };
        this.#loaded = undefined;
        return await this.#show();
      case 'export':
        return await this.#export(intent.format, intent.rowKeys);
      default:
        return unreachable(intent);
    }
  }

  dispose(): void {}

  async #show(): Promise<void> {
    try {
      this.#post({ type: 'snapshot', snapshot: { kind: 'loading', what: '' } });
      this.#post({ type: 'snapshot', snapshot: (await this.#load()).comparison });
    } catch (error) {
      this.#loaded = undefined;
      const failure = this.#services.reporter.describe(error) ?? { code: 'internal', reason: '', nextStep: '' };
      this.#post({
        type: 'snapshot',
        snapshot: { kind: 'failed', failure: { ...failure, actions: ['retry', 'open-log'] } },
      });
    }
  }

  async #export(format: 'markdown' | 'csv', rowKeys: readonly string[]): Promise<void> {
    const { comparison } = await this.#load();
    const questions = rowKeys.flatMap((key) => comparison.questions.find(({ rowKey }) => rowKey === key) ?? []);
    const content = format === 'markdown' ? markdownOf(comparison, questions) : csvOf(questions);
    const language = format === 'markdown' ? 'markdown' : 'csv';
    // Unsaved, in the editor: the person sees what it is before it becomes a file.
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language, content }));
  }

  #load(): Promise<Loaded> {
    this.#loaded ??= this.#read();
    return this.#loaded;
  }

  async #read(): Promise<Loaded> {
    const { before, after } = this.#pair;
    const [old, now] = await Promise.all([this.#evaluation(before), this.#evaluation(after)]);
    const { pairs, unpaired } = pairRows(old.rows, now.rows);
    const comparison: AccuracyComparison = {
      kind: 'comparison',
      dataset: vscode.workspace.asRelativePath(now.summary.dataset),
      run: before.runId === after.runId ? before.runId : null,
      before: old.summary,
      after: now.summary,
      paired: await compareInThread(old.rows, now.rows),
      questions: comparedQuestions(pairs),
      unpaired,
      failure: null,
    };
    return { comparison, pairs: new Map(pairs.map((pair) => [pair.after.rowKey, pair])), file: now.summary.dataset };
  }

  async #evaluation({ runId, evaluation }: EvaluationReference): Promise<Evaluation> {
    const { runs } = this.#services;
    if (runs.find(runId) === undefined) await runs.refresh();
    const run = runs.find(runId);
    const directory = run && runs.directory(run);
    const summary = (await directory?.evaluation(evaluation)) ?? null;
    if (directory === undefined || summary === null) {
      const { l10n } = vscode;
      const reason = l10n.t('Evaluation {0} of run {1} is not there.', evaluation, runId);
      throw new LatroError('run-not-found', reason, l10n.t('It may not be finished, or was removed.'));
    }
    return { summary, rows: await directory.evaluationRows(evaluation) };
  }
}

interface Evaluation {
  readonly summary: EvaluationSummary;
  readonly rows: readonly EvaluationRow[];
}
