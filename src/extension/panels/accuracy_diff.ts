/** The accuracy diff: two evaluations of runs on disk, paired question by question. */
import * as vscode from 'vscode';
import { unreachable } from '../../engine/common/errors.ts';
import { type AccuracyComparison, type AccuracyHostMessage, AccuracyIntent } from '../../protocol/panel_messages.ts';
import { openRow } from '../dataset/open_row.ts';
import type { Reporter } from '../reporter.ts';
import { EvaluationPair, type Making, settingDifferences } from '../runs/evaluation_pairs.ts';
import { differenceText, pairNames, pairTexts } from '../runs/evaluation_text.ts';
import type { StoredEvaluation, StoredEvaluations } from '../runs/stored_evaluations.ts';
import { csvOf, markdownOf } from './accuracy_export.ts';
import { comparedQuestions, pairIds, pairRows, type RowPair } from './accuracy_pairs.ts';
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
    detail: pairNames,
    open: (pair, port) => new AccuracyDiff(services, pair, port),
  };
}

interface Loaded {
  readonly comparison: AccuracyComparison;
  /** By the ids of `comparison.questions`. */
  readonly pairs: ReadonlyMap<string, RowPair>;
  /** The file both evaluations read. */
  readonly file: string;
}

class AccuracyDiff implements PanelController<AccuracyIntent> {
  readonly #services: AccuracyServices;
  readonly #port: PanelPort<EvaluationPair, AccuracyHostMessage>;
  #pair: EvaluationPair;
  /** Read once, and again when the pair is another one or its files have changed. */
  #loaded: Promise<Loaded> | undefined;
  /** Of the files behind `#loaded`, taken before they were read. */
  #stamp = '';
  readonly #subscription: { dispose(): void };

  constructor(services: AccuracyServices, pair: EvaluationPair, port: PanelPort<EvaluationPair, AccuracyHostMessage>) {
    this.#services = services;
    this.#pair = pair;
    this.#port = port;
    this.#subscription = services.evaluations.onChanged(() => void this.#follow());
  }

  async obey(intent: AccuracyIntent): Promise<void> {
    switch (intent.type) {
      case 'ready':
        return await this.#show();
      case 'action':
        return await performPanelAction(intent.action, () => {
          this.#loaded = undefined;
          return this.#show();
        });
      case 'show-question': {
        const pair = (await this.#load()).pairs.get(intent.id);
        if (pair !== undefined) this.#port.post({ type: 'question', id: intent.id, ...pair });
        return;
      }
      case 'open-row':
        return await openRow((await this.#load()).file, intent.rowKey, intent.line);
      case 'swap':
        return await this.#become({ before: this.#pair.after, after: this.#pair.before });
      case 'choose':
        return await this.#become(await this.#services.choose(this.#pair));
      case 'export':
        return await this.#export(intent.format, intent.ids, intent.filters);
      default:
        return unreachable(intent);
    }
  }

  dispose(): void {
    this.#subscription.dispose();
  }

  async #become(pair: EvaluationPair): Promise<void> {
    if (!(await this.#port.become(pair))) return;
    this.#pair = pair;
    this.#loaded = undefined;
    await this.#show();
  }

  async #show(): Promise<void> {
    this.#port.post({ type: 'snapshot', snapshot: { kind: 'loading', what: '' } });
    await this.#forgetStale();
    await this.#draw();
  }

  /** A run that is rolled back or evaluated again writes other files under the same names. */
  async #follow(): Promise<void> {
    if (this.#loaded !== undefined && (await this.#forgetStale())) await this.#draw();
  }

  /** true: what was loaded is no longer what the files say. */
  async #forgetStale(): Promise<boolean> {
    const { before, after } = this.#pair;
    const stamps = await Promise.all([before, after].map((each) => this.#services.evaluations.stamp(each)));
    const stamp = stamps.join('; ');
    if (stamp === this.#stamp) return false;
    this.#stamp = stamp;
    this.#loaded = undefined;
    return true;
  }

  async #draw(): Promise<void> {
    const loading = this.#load();
    const isNewest = () => loading === this.#loaded;
    try {
      const { comparison } = await loading;
      if (isNewest()) this.#port.post({ type: 'snapshot', snapshot: comparison });
    } catch (error) {
      if (!isNewest()) return;
      const failure = this.#services.reporter.describe(error) ?? { code: 'internal', reason: '', nextStep: '' };
      const actions = ['retry' as const, 'open-log' as const];
      this.#port.post({ type: 'snapshot', snapshot: { kind: 'failed', failure: { ...failure, actions } } });
    }
  }

  async #export(format: 'markdown' | 'csv', ids: readonly string[], filters: readonly string[]): Promise<void> {
    const { comparison } = await this.#load();
    const known = new Map(comparison.questions.map((question) => [question.id, question]));
    const questions = ids.flatMap((id) => known.get(id) ?? []);
    const content =
      format === 'markdown' ? markdownOf(comparison, { questions, filters }, vscode.l10n) : csvOf(questions);
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
    return { comparison, pairs: new Map(pairIds(pairs).map((id, i) => [id, pairs[i]!])), file: now.summary.dataset };
  }
}

const makingOf = ({ summary, settings }: StoredEvaluation): Making => ({ k: summary.k, settings });
