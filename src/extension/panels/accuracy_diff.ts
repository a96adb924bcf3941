/** The accuracy diff: two evaluations of runs on disk, paired question by question. */
import * as vscode from 'vscode';
import { unreachable } from '../../engine/common/errors.ts';
import { type AccuracyComparison, type AccuracyHostMessage, AccuracyIntent } from '../../protocol/panel_messages.ts';
import { openRow } from '../dataset/open_row.ts';
import type { Reporter } from '../reporter.ts';
import { EvaluationPair, type Making, settingDifferences } from '../runs/evaluation_pairs.ts';
import { differenceText, pairTexts, questionsText } from '../runs/evaluation_text.ts';
import type { StoredEvaluation, StoredEvaluations } from '../runs/stored_evaluations.ts';
import { csvOf, markdownOf } from './accuracy_export.ts';
import { comparedQuestions, pairRows, type RowPair } from './accuracy_pairs.ts';
import { compareInThread } from './comparison.ts';
import { performPanelAction } from './panel_actions.ts';
import type { PanelController, PanelKind, PanelPort } from './panel_group.ts';

export interface AccuracyServices {
  readonly evaluations: StoredEvaluations;
  readonly reporter: Reporter;
  /** A person's pick of another pair; throws a `CancellationError` when there is none. */
  readonly choose: (shown: EvaluationPair) => Promise<EvaluationPair>;
}

export function accuracyKind(
  services: AccuracyServices,
): PanelKind<EvaluationPair, AccuracyHostMessage, AccuracyIntent> {
  return {
    viewType: 'latro.accuracyDiff',
    page: 'accuracy_panel',
    intents: AccuracyIntent,
    subject: EvaluationPair,
    title: (pair) => vscode.l10n.t('Accuracy: {0} → {1}', ...pairTexts(pair)),
    detail: ({ before, after }) => {
      const runs = [...new Set([before.runId, after.runId])].flatMap((runId) => runId ?? []);
      return [questionsText(after.evaluation), runs.join(' → ')].filter(Boolean).join(', ');
    },
    open: (pair, port) => new AccuracyDiff(services, pair, port),
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
  readonly #port: PanelPort<EvaluationPair, AccuracyHostMessage>;
  #pair: EvaluationPair;
  /** Finished evaluations do not change: read once, and again when swapped. */
  #loaded: Promise<Loaded> | undefined;

  constructor(services: AccuracyServices, pair: EvaluationPair, port: PanelPort<EvaluationPair, AccuracyHostMessage>) {
    this.#services = services;
    this.#pair = pair;
    this.#port = port;
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
        if (pair !== undefined) this.#port.post({ type: 'question', ...pair });
        return;
      }
      case 'open-row':
        return await openRow((await this.#load()).file, intent.rowKey, intent.line);
      case 'swap':
        return await this.#become({ before: this.#pair.after, after: this.#pair.before });
      case 'choose':
        return await this.#become(await this.#services.choose(this.#pair));
      case 'export':
        return await this.#export(intent.format, intent.rowKeys);
      default:
        return unreachable(intent);
    }
  }

  dispose(): void {}

  async #become(pair: EvaluationPair): Promise<void> {
    if (!(await this.#port.become(pair))) return;
    this.#pair = pair;
    this.#loaded = undefined;
    await this.#show();
  }

  async #show(): Promise<void> {
    try {
      this.#port.post({ type: 'snapshot', snapshot: { kind: 'loading', what: '' } });
      this.#port.post({ type: 'snapshot', snapshot: (await this.#load()).comparison });
    } catch (error) {
      this.#loaded = undefined;
      const failure = this.#services.reporter.describe(error) ?? { code: 'internal', reason: '', nextStep: '' };
      this.#port.post({
        type: 'snapshot',
        snapshot: { kind: 'failed', failure: { ...failure, actions: ['retry', 'open-log'] } },
      });
    }
  }

  async #export(format: 'markdown' | 'csv', rowKeys: readonly string[]): Promise<void> {
    const { comparison } = await this.#load();
    const questions = rowKeys.flatMap((key) => comparison.questions.find(({ rowKey }) => rowKey === key) ?? []);
    const content = format === 'markdown' ? markdownOf(comparison, questions, vscode.l10n) : csvOf(questions);
    const language = format === 'markdown' ? 'markdown' : 'csv';
    // Unsaved, in the editor: the person sees what it is before it becomes a file.
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language, content }));
  }

  #load(): Promise<Loaded> {
    this.#loaded ??= this.#read();
    return this.#loaded;
  }

  async #read(): Promise<Loaded> {
    const { evaluations } = this.#services;
    const { before, after } = this.#pair;
    const [old, now] = await Promise.all([evaluations.find(before), evaluations.find(after)]);
    const [oldRows, nowRows] = await Promise.all([evaluations.rows(old), evaluations.rows(now)]);
    const { pairs, onlyBefore, onlyAfter } = pairRows(oldRows, nowRows);
    const [beforeText, afterText] = pairTexts(this.#pair);
    const comparison: AccuracyComparison = {
      kind: 'comparison',
      dataset: vscode.workspace.asRelativePath(now.summary.dataset),
      run: before.runId === after.runId ? before.runId : null,
      labels: { before: beforeText, after: afterText },
      before: old.summary,
      after: now.summary,
      paired: await compareInThread(oldRows, nowRows),
      questions: comparedQuestions(pairs),
      onlyBefore,
      onlyAfter,
      differences: settingDifferences(makingOf(old), makingOf(now)).map(differenceText),
      failure: null,
    };
    return { comparison, pairs: new Map(pairs.map((pair) => [pair.after.rowKey, pair])), file: now.summary.dataset };
  }
}

const makingOf = ({ summary, settings }: StoredEvaluation): Making => ({ k: summary.k, settings });
