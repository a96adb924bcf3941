/** The side panel: rationales of the question under the cursor. Truth stays here; the webview shows snapshots and sends intents. */
import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { LatroError, unreachable } from '../../engine/common/errors.ts';
import {
  type PanelActivity,
  type PanelFailure,
  type RationaleHostMessage,
  RationaleIntent,
  type RationaleQuestion,
  type RationaleSnapshot,
  type SamplingSettings,
} from '../../protocol/panel_messages.ts';
import type { RunSummary } from '../../protocol/run_record.ts';
import { openRow } from '../dataset/open_row.ts';
import type { EngineClient } from '../engine/engine_client.ts';
import type { EngineSupervisor } from '../engine/engine_supervisor.ts';
import { performPanelAction } from '../panels/panel_actions.ts';
import { PanelChannel } from '../panels/panel_channel.ts';
import { panelPage, webviewOptions } from '../panels/webview_page.ts';
import type { Reporter } from '../reporter.ts';
import type { RunsWatcher } from '../runs/runs_watcher.ts';
import type { Settings } from '../settings.ts';
import type { CursorQuestion } from './cursor_question.ts';
import { type KnownQuestion, type Question, QuestionSource, referenceTo, weightsFor } from './question_source.ts';
import type { RatingStore } from './rating_store.ts';
import {
  checkpointOptions,
  chooseComparison,
  chooseCurrent,
  type Marks,
  setOfSamples,
  weightsAtHand,
  withEdited,
  withMarks,
} from './rationale_sets.ts';

export interface RationaleViewServices {
  readonly extensionUri: vscode.Uri;
  readonly cursor: CursorQuestion;
  readonly runs: RunsWatcher;
  readonly engine: EngineSupervisor;
  readonly settings: Settings;
  readonly ratings: RatingStore;
  /** Where pins are kept: they belong to this window's workspace. */
  readonly memento: vscode.Memento;
  readonly reporter: Reporter;
  readonly log: vscode.LogOutputChannel;
}

/** What the person chose for the question at hand; another question starts anew. */
interface Choice {
  readonly rowKey: string;
  readonly checkpoint?: string;
  readonly comparison?: string | null;
}

/** What is being computed for the question at hand. */
interface Work {
  readonly rowKey: string;
  readonly activity: PanelActivity;
  readonly controller: AbortController;
}

const PINS = 'latro.pinnedRationales';

export class RationaleView implements vscode.WebviewViewProvider, vscode.Disposable {
  readonly #services: RationaleViewServices;
  readonly #source: QuestionSource;
  readonly #subscriptions: vscode.Disposable[];
  #channel: PanelChannel<RationaleHostMessage, RationaleIntent> | undefined;
  #choice: Choice = { rowKey: '' };
  #work: Work | undefined;
  #failure: { readonly rowKey: string; readonly failure: PanelFailure } | undefined;
  #drawing = 0;

  constructor(services: RationaleViewServices) {
    this.#services = services;
    this.#source = new QuestionSource(services.runs);
    const draw = () => void this.#draw();
    this.#subscriptions = [
      services.cursor.onChanged(draw),
      services.runs.onChanged(draw),
      vscode.workspace.onDidGrantWorkspaceTrust(draw),
      vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration('latro') && draw()),
    ];
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    const { extensionUri, reporter, log, cursor } = this.#services;
    view.webview.options = webviewOptions(extensionUri);
    view.webview.html = panelPage(view.webview, extensionUri, 'rationale_panel');
    const onIntent = (intent: RationaleIntent) => this.#obey(intent);
    const channel = new PanelChannel<RationaleHostMessage, RationaleIntent>({
      webview: view.webview,
      extensionUri,
      intents: RationaleIntent,
      onIntent,
      reporter,
      log,
    });
    this.#channel = channel;
    view.onDidDispose(() => {
      channel.dispose();
      if (this.#channel === channel) this.#channel = undefined;
    });
    view.onDidChangeVisibility(() => view.visible && this.#draw());
    cursor.update();
  }

  /** Samples K rationales of the question under the cursor with the settings' values, and shows them. */
  async sampleUnderCursor(): Promise<void> {
    const { cursor, settings } = this.#services;
    cursor.update();
    await vscode.commands.executeCommand('latro.rationales.focus');
    const question = this.#questionAtCursor();
    const { l10n } = vscode;
    if (question === undefined) {
      const reason = l10n.t('The cursor is on no question.');
      throw new LatroError('dataset-row', reason, l10n.t('Open a dataset and put the cursor on one of its rows.'));
    }
    const { sets, run, checkpointSteps, strategyNames } = await this.#source.known(question);
    const newest = checkpointSteps.at(-1);
    const checkpoint =
      chooseCurrent(sets, this.#choice.checkpoint) ?? (run && newest !== undefined ? `step-${newest}` : 'base');
    await this.#sample(question, checkpoint, {
      k: settings.rationalesPerQuestion,
      temperature: settings.temperature,
      seed: settings.seed,
      ...defaultStrategy(strategyNames),
    });
  }

  dispose(): void {
    this.#work?.controller.abort();
    this.#channel?.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  // ------------------------------------------------------------------------------------------------------------------- intents

  async #obey(intent: RationaleIntent): Promise<void> {
    if (intent.type === 'ready') return await this.#draw();
    if (intent.type === 'action') return await performPanelAction(intent.action, () => void this.#draw());
    if (intent.type === 'cancel') return this.#work?.controller.abort();
    if (intent.type === 'copy') return await vscode.env.clipboard.writeText(intent.text);
    const question = this.#questionAtCursor();
    // The cursor has moved on since the panel was drawn: the intent is about another question.
    if (question?.row.rowKey !== intent.rowKey) return;
    switch (intent.type) {
      case 'choose-checkpoint': {
        this.#choose(intent.rowKey, { checkpoint: intent.checkpoint });
        const { sets } = await this.#source.known(question);
        return sets.has(intent.checkpoint) ? await this.#draw() : await this.#sample(question, intent.checkpoint);
      }
      case 'choose-comparison': {
        this.#choose(intent.rowKey, { comparison: intent.checkpoint });
        const { sets } = await this.#source.known(question);
        if (intent.checkpoint === null || sets.has(intent.checkpoint)) return await this.#draw();
        return await this.#sample(question, intent.checkpoint, undefined, 'comparison');
      }
      case 'sample':
        return await this.#sample(question, intent.checkpoint, intent.settings);
      case 'score-edited':
        return await this.#scoreEdited(question, intent.checkpoint, intent.rationale, intent.text);
      case 'trace-prefixes':
        return await this.#trace(question, intent.checkpoint, intent.rationale);
      case 'pin':
        return await this.#pin(intent.rowKey, intent.rationale, intent.pinned);
      case 'rate': {
        const rationale = await this.#find(question, intent.rationale);
        if (rationale === undefined) return;
        await this.#services.ratings.rate(question.file, intent.rowKey, rationale.record.text, intent.rating);
        return await this.#draw();
      }
      case 'open-row':
        return await openRow(question.file, intent.rowKey, intent.line);
      case 'open-rollout':
        return await this.#openRollout(question, intent.step, intent.sample);
      default:
        return unreachable(intent);
    }
  }

  #choose(rowKey: string, choice: Omit<Choice, 'rowKey'>): void {
    this.#choice = { ...(this.#choice.rowKey === rowKey ? this.#choice : {}), rowKey, ...choice };
  }

  async #sample(
    question: Question,
    checkpoint: string,
    chosen: SamplingSettings | undefined = undefined,
    shownAs: 'checkpoint' | 'comparison' = 'checkpoint',
  ): Promise<void> {
    const { rowKey } = question.row;
    const { k } = chosen ?? this.#defaults();
    await this.#compute(question, 'sampling', k, async (client, jobId, signal) => {
      const { run, sets, checkpointSteps, strategyNames } = await this.#source.known(question);
      const asked = weightsAtHand(checkpoint, checkpointSteps);
      const settings = chosen ?? { ...this.#defaults(), ...defaultStrategy(strategyNames) };
      const rollout = await client.request(
        'sampleQuestion',
        {
          jobId,
          weights: weightsFor(run, asked, this.#model),
          row: referenceTo(question),
          maxTokens: null,
          ...settings,
        },
        signal,
      );
      const shown = sets.get(asked);
      const previous = shown && withMarks(shown, await this.#marks(question, run));
      this.#source.addSet(run, rowKey, setOfSamples(rollout, asked, settings.temperature, previous));
      this.#choose(rowKey, shownAs === 'checkpoint' ? { checkpoint: asked } : { comparison: asked });
    });
  }

  async #scoreEdited(question: Question, checkpoint: string, id: string, text: string): Promise<void> {
    const { rowKey } = question.row;
    await this.#compute(question, 'scoring', 1, async (client, jobId, signal) => {
      const { run, sets, checkpointSteps } = await this.#source.known(question);
      const base = sets.get(checkpoint);
      if (base === undefined) return;
      const asked = weightsAtHand(checkpoint, checkpointSteps);
      const weights = weightsFor(run, asked, this.#model);
      const row = referenceTo(question);
      const strategy = base.rationales.find((each) => each.id === id)?.record.strategy;
      const record = await client.request('scoreRationale', { jobId, weights, row, text, strategy }, signal);
      this.#source.addSet(run, rowKey, withEdited(base, `edited-${randomUUID()}`, record, asked));
    });
  }

  async #trace(question: Question, checkpoint: string, id: string): Promise<void> {
    const rationale = await this.#find(question, id, checkpoint);
    if (rationale === undefined) return;
    await this.#compute(question, 'tracing', 1, async (client, jobId, signal) => {
      const { run, checkpointSteps } = await this.#source.known(question);
      const by = weightsAtHand(checkpoint, checkpointSteps);
      const weights = weightsFor(run, by, this.#model);
      const { text, strategy } = rationale.record;
      const request = { jobId, weights, row: referenceTo(question), text, strategy };
      const { scores } = await client.request('tracePrefixes', request, signal);
      this.#source.addTrace(run, question.row.rowKey, checkpoint, id, { scores, by });
    });
  }

  /** Runs one request for the panel, which shows how far it is; a failure is shown in the panel, above what still holds. */
  async #compute(
    question: Question,
    what: PanelActivity['what'],
    total: number,
    request: (client: EngineClient, jobId: string, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { engine, reporter } = this.#services;
    const { rowKey } = question.row;
    this.#work?.controller.abort();
    const controller = new AbortController();
    const jobId = randomUUID();
    const show = (done: number, outOf: number) => {
      this.#work = { rowKey, controller, activity: { what, done, total: outOf } };
      void this.#draw();
    };
    this.#failure = undefined;
    show(0, total);
    const progress = engine.jobs.onChanged((job) => {
      if (job.jobId === jobId && job.progress !== null) show(job.progress.done, job.progress.total);
    });
    try {
      await request(await engine.client(), jobId, controller.signal);
    } catch (error) {
      const failure = reporter.describe(error);
      if (failure !== undefined) this.#failure = { rowKey, failure: { ...failure, actions: ['open-log'] } };
    } finally {
      progress.dispose();
      if (this.#work?.controller === controller) this.#work = undefined;
      await this.#draw();
    }
  }

  async #pin(rowKey: string, id: string, pinned: boolean): Promise<void> {
    const { memento } = this.#services;
    const others = this.#pins(rowKey).filter((each) => each !== id);
    const all = memento.get<Record<string, string[]>>(PINS, {});
    await memento.update(PINS, { ...all, [rowKey]: pinned ? [...others, id] : others });
    await this.#draw();
  }

  #pins(rowKey: string): readonly string[] {
    return this.#services.memento.get<Record<string, string[]>>(PINS, {})[rowKey] ?? [];
  }

  /** The rollout's line as it stands on disk, as far as an editor can show it: pretty-printed, in a document of its own. */
  async #openRollout(question: Question, step: number, sample: number): Promise<void> {
    const run = await this.#source.runOf(question.file);
    if (run === null) return;
    const rollouts = await this.#services.runs.directory(run).rollouts(step);
    const rationale = rollouts.find(({ rowKey }) => rowKey === question.row.rowKey)?.rationales[sample];
    const content = JSON.stringify(rationale, null, 2);
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language: 'json', content }));
  }

  // ------------------------------------------------------------------------------------------------------------------ snapshots

  async #draw(): Promise<void> {
    const channel = this.#channel;
    if (channel === undefined) return;
    const drawing = ++this.#drawing;
    const snapshot = await this.#snapshot().catch((error: unknown): RationaleSnapshot => {
      const failure = this.#services.reporter.describe(error) ?? { code: 'internal', reason: '', nextStep: '' };
      return { kind: 'failed', failure: { ...failure, actions: ['retry', 'open-log'] } };
    });
    // Reading files takes time; only the newest picture counts.
    if (drawing === this.#drawing) channel.post({ type: 'snapshot', snapshot });
  }

  async #snapshot(): Promise<RationaleSnapshot> {
    const { cursor, settings } = this.#services;
    if (!vscode.workspace.isTrusted) return { kind: 'empty', why: 'untrusted' };
    const at = cursor.current;
    if (at.kind === 'none') return { kind: 'empty', why: at.why };
    const known = await this.#source.known(at.question);
    if (known.run === null && settings.modelFolder === undefined) return { kind: 'empty', why: 'no-model' };
    return await this.#questionSnapshot(at.question, known);
  }

  async #questionSnapshot(
    question: Question,
    { run, sets, checkpointSteps, strategyNames }: KnownQuestion,
  ): Promise<RationaleQuestion> {
    const { row, file } = question;
    const choice = this.#choice.rowKey === row.rowKey ? this.#choice : undefined;
    const current = chooseCurrent(sets, choice?.checkpoint);
    const comparison = chooseComparison(sets, current, choice?.comparison);
    const marks = await this.#marks(question, run);
    const marked = (name: string | undefined) => {
      const set = name === undefined ? undefined : sets.get(name);
      return set === undefined ? null : withMarks(set, marks);
    };
    return {
      kind: 'question',
      dataset: vscode.workspace.asRelativePath(file),
      line: row.line,
      rowKey: row.rowKey,
      question: row.question,
      goldAnswer: row.answer,
      run: run === null ? null : run.id,
      checkpoints: checkpointOptions(sets, checkpointSteps),
      current: marked(current),
      comparison: marked(comparison),
      sampling: { ...this.#defaults(), ...defaultStrategy(strategyNames) },
      strategyNames: { ...strategyNames },
      canSample: true,
      activity: this.#work?.rowKey === row.rowKey ? this.#work.activity : null,
      failure: this.#failure?.rowKey === row.rowKey ? this.#failure.failure : null,
    };
  }

  async #marks({ file, row }: Question, run: RunSummary | null): Promise<Marks> {
    return {
      pinned: new Set(this.#pins(row.rowKey)),
      ratings: await this.#services.ratings.ofRow(file, row.rowKey),
      traces: this.#source.tracesOf(run, row.rowKey),
    };
  }

  async #find(question: Question, id: string, checkpoint?: string) {
    const { sets } = await this.#source.known(question);
    const own = checkpoint === undefined ? [...sets.values()] : [sets.get(checkpoint)];
    return own.flatMap((set) => set?.rationales ?? []).find((rationale) => rationale.id === id);
  }

  #questionAtCursor(): Question | undefined {
    const at = this.#services.cursor.current;
    return at.kind === 'question' ? at.question : undefined;
  }

  #defaults(): SamplingSettings {
    const { rationalesPerQuestion, temperature, seed } = this.#services.settings;
    return { k: rationalesPerQuestion, temperature, seed };
  }

  readonly #model = (): string => {
    const folder = this.#services.settings.modelFolder;
    if (folder !== undefined) return folder;
    const { l10n } = vscode;
    throw new LatroError('model-not-found', l10n.t('No model is chosen.'), l10n.t('Choose a model folder first.'));
  };
}

/** With strategies, rationales are sampled under each equally often unless a person chooses otherwise. */
function defaultStrategy(names: Readonly<Record<string, string>>): Pick<SamplingSettings, 'strategy'> {
  return Object.keys(names).length === 0 ? {} : { strategy: 'all' };
}
