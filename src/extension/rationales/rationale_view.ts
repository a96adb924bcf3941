/** The side panel: rationales of the question under the cursor. Truth stays here; the webview shows snapshots and sends intents. */
import * as vscode from 'vscode';
import { LatroError, unreachable } from '../../engine/common/errors.ts';
import type { PanelFailure } from '../../protocol/panel_messages.ts';
import {
  type RationaleHostMessage,
  RationaleIntent,
  type RationaleSnapshot,
  type SamplingSettings,
} from '../../protocol/rationale_messages.ts';
import { Renewal } from '../common/renewal.ts';
import { openRow } from '../dataset/open_row.ts';
import type { EngineSupervisor } from '../engine/engine_supervisor.ts';
import { performPanelAction } from '../panels/panel_actions.ts';
import { PanelChannel } from '../panels/panel_channel.ts';
import { panelPage, webviewOptions } from '../panels/webview_page.ts';
import type { Reporter } from '../reporter.ts';
import { updatesBehind } from '../runs/checkpoints.ts';
import type { RunsWatcher } from '../runs/runs_watcher.ts';
import type { Settings } from '../settings.ts';
import type { CursorQuestion } from './cursor_question.ts';
import { HeldRationales } from './held_rationales.ts';
import type { Choice, PanelChoices } from './panel_choices.ts';
import type { KnownQuestion, Question, QuestionSource, StepOfRun } from './question_source.ts';
import type { RatingStore } from './rating_store.ts';
import { RationaleJobs } from './rationale_jobs.ts';
import { chooseCurrent } from './rationale_sets.ts';
import { questionSnapshot } from './rationale_snapshot.ts';

export interface RationaleViewServices {
  readonly extensionUri: vscode.Uri;
  readonly cursor: CursorQuestion;
  readonly runs: RunsWatcher;
  readonly engine: EngineSupervisor;
  readonly settings: Settings;
  readonly ratings: RatingStore;
  readonly source: QuestionSource;
  readonly choices: PanelChoices;
  readonly reporter: Reporter;
  readonly log: vscode.LogOutputChannel;
}

const QUESTIONS_SHOWN = 4;

export class RationaleView implements vscode.WebviewViewProvider, vscode.Disposable {
  readonly #services: RationaleViewServices;
  readonly #choices: PanelChoices;
  readonly #source: QuestionSource;
  readonly #held: HeldRationales;
  readonly #jobs: RationaleJobs;
  readonly #subscriptions: vscode.Disposable[];
  #channel: PanelChannel<RationaleHostMessage, RationaleIntent> | undefined;
  /** Those the panel may still show while a snapshot is on its way; the last one last. */
  #shown: readonly Question[] = [];
  /** Token of the rating that was stored last. */
  #rated: string | undefined;
  /** Of ratings that cannot be read, and by what it is known again. */
  #ratingsFailure: { readonly told: string; readonly shown: PanelFailure | null } | undefined;
  readonly #redraw = new Renewal(() => this.#drawNow());

  constructor(services: RationaleViewServices) {
    const { cursor, runs, engine, reporter, source, choices } = services;
    this.#services = services;
    this.#choices = choices;
    this.#source = source;
    this.#held = new HeldRationales(source, choices);
    const draw = () => void this.#draw();
    this.#jobs = new RationaleJobs({ engine, reporter, source, onChanged: draw });
    // Comment threads, other windows and people change ratings too.
    const sidecars = vscode.workspace.createFileSystemWatcher('**/*.ratings.json');
    this.#subscriptions = [
      sidecars,
      ...[sidecars.onDidCreate, sidecars.onDidChange, sidecars.onDidDelete].map((event) => event(draw)),
      cursor.onChanged(draw),
      runs.onChanged(draw),
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
    this.#services.cursor.update();
    await vscode.commands.executeCommand('latro.rationales.focus');
    const question = this.#questionAtCursor();
    const { l10n } = vscode;
    if (question === undefined) {
      const reason = l10n.t('The cursor is on no question.');
      throw new LatroError('dataset-row', reason, l10n.t('Open a dataset and put the cursor on one of its rows.'));
    }
    const known = await this.#source.known(question);
    const newest = known.checkpointSteps.at(-1);
    const chosen = this.#held.choice(question, known).checkpoint;
    const otherwise = known.run && newest !== undefined ? `step-${newest}` : 'base';
    await this.#sample(question, chooseCurrent(known.sampled, chosen) ?? otherwise, this.#defaults(known));
  }

  /** What an update sampled for a row, once the cursor is on it. */
  async chooseStep(step: StepOfRun): Promise<void> {
    this.#held.letGo();
    await this.#source.chooseStep(step);
    await this.#draw();
  }

  dispose(): void {
    this.#jobs.cancel();
    this.#channel?.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  // ------------------------------------------------------------------------------------------------------------------- intents

  async #obey(intent: RationaleIntent): Promise<void> {
    if (intent.type === 'ready') return await this.#draw();
    if (intent.type === 'action') return await performPanelAction(intent.action, () => void this.#draw());
    if (intent.type === 'cancel') return this.#jobs.cancel();
    if (intent.type === 'copy') return await vscode.env.clipboard.writeText(intent.text);
    // The cursor may have moved on since the panel was drawn: the intent is about what was shown.
    const question = this.#questionOf(intent.rowKey);
    if (question === undefined) return;
    const { rowKey } = intent;
    switch (intent.type) {
      case 'hold':
        this.#held.hold(question, intent.run, intent.checkpoint);
        return;
      case 'let-go':
        this.#held.letGo();
        break;
      case 'choose-run':
        this.#held.letGo();
        await this.#source.chooseRun(question, intent.run);
        break;
      case 'choose-checkpoint': {
        const known = await this.#source.known(question);
        await this.#choose(question, known, { checkpoint: intent.checkpoint });
        if (known.sampled.has(intent.checkpoint)) break;
        return await this.#sample(question, intent.checkpoint, this.#defaults(known));
      }
      case 'choose-comparison': {
        const known = await this.#source.known(question);
        await this.#choose(question, known, { comparison: intent.checkpoint });
        if (intent.checkpoint === null || known.sampled.has(intent.checkpoint)) break;
        return await this.#sampleAlike(question, intent.checkpoint);
      }
      case 'sample-alike':
        return await this.#sampleAlike(question, intent.checkpoint);
      case 'sample':
        return await this.#sample(question, intent.checkpoint, intent.settings);
      case 'discard':
        await this.#discard(question, intent.checkpoint);
        break;
      case 'score-edited': {
        const begun = intent.run === undefined ? question : { ...question, run: intent.run };
        if (await this.#jobs.scoreEdited(begun, intent)) await this.#showScored(begun, intent.checkpoint);
        break;
      }
      case 'trace-prefixes':
        await this.#jobs.trace(question, intent.checkpoint, intent.rationale);
        break;
      case 'pin':
        await this.#choices.pin(rowKey, intent.rationale, intent.pinned);
        break;
      case 'rate': {
        const rationale = await this.#source.find(question, intent.rationale);
        if (rationale === undefined) throw rationaleGone(intent.rating.note !== undefined);
        await this.#services.ratings.rate(question.file, rowKey, rationale.record.text, intent.rating);
        this.#rated = intent.token ?? this.#rated;
        break;
      }
      case 'open-row':
        return await openRow(question.file, rowKey, intent.line);
      case 'open-rollout':
        return await this.#openRollout(question, intent.step, intent.sample);
      default:
        return unreachable(intent);
    }
    await this.#draw();
  }

  async #sample(question: Question, checkpoint: string, settings: SamplingSettings): Promise<void> {
    const asked = await this.#jobs.sample(question, checkpoint, settings);
    if (asked !== undefined) await this.#choose(question, await this.#source.known(question), { checkpoint: asked });
    await this.#draw();
  }

  /** While it was written and scored, a run may have brought other weights, or another run have begun: what came of it is shown. */
  async #showScored(question: Question, checkpoint: string): Promise<void> {
    const known = await this.#source.known(question);
    const { file, row } = question;
    const at = this.#services.cursor.current;
    const isHere = at.kind === 'question' && at.question.file === file && at.question.row.rowKey === row.rowKey;
    if (isHere) this.#held.hold(question, known.run?.id ?? null, checkpoint);
    // Where other weights were chosen by hand, or the cursor has gone on, it has to be chosen.
    const shown = chooseCurrent(known.sampled, this.#held.choice(question, known).checkpoint);
    if (shown !== checkpoint) await this.#choose(question, known, { checkpoint });
  }

  async #sampleAlike(question: Question, checkpoint: string): Promise<void> {
    const known = await this.#source.known(question);
    const shown = this.#held.choice(question, known).checkpoint;
    const outcome = await this.#jobs.sampleAlike(question, checkpoint, shown, this.#defaults(known));
    if (outcome === 'sampled') await this.#choose(question, known, { comparison: checkpoint });
    await this.#draw();
    if (outcome === 'not-kept') {
      const { l10n } = vscode;
      const reason = l10n.t('The weights of step {0} were not kept.', updatesBehind(checkpoint));
      throw new LatroError('run-damaged', reason, l10n.t('Compare with weights that are on disk.'));
    }
  }

  async #choose({ row }: Question, { run }: KnownQuestion, choice: Pick<Choice, 'checkpoint' | 'comparison'>) {
    await this.#choices.choose(row.rowKey, run?.id ?? null, choice);
  }

  /** Rationales a person wrote go with the set: that is asked first. */
  async #discard(question: Question, checkpoint: string): Promise<void> {
    const { l10n } = vscode;
    const set = await (await this.#source.known(question)).set(checkpoint);
    if (set?.rationales.some(({ origin }) => origin === 'edited')) {
      const discard = l10n.t('Discard');
      const message = l10n.t('Discard these samples, and the rationales you edited with them?');
      if ((await vscode.window.showWarningMessage(message, { modal: true }, discard)) !== discard) return;
    }
    await this.#source.discard(question, checkpoint);
  }

  /** The rollout's line as it stands on disk, as far as an editor can show it: pretty-printed, in a document of its own. */
  async #openRollout(question: Question, step: number, sample: number): Promise<void> {
    const rationale = await this.#source.sampled(question, step, sample);
    if (rationale === undefined) throw rationaleGone(false);
    const content = JSON.stringify(rationale, null, 2);
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language: 'json', content }));
  }

  // ------------------------------------------------------------------------------------------------------------------ snapshots

  readonly #draw = (): Promise<void> => this.#redraw.ask();

  async #drawNow(): Promise<void> {
    const channel = this.#channel;
    if (channel === undefined) return;
    const at = this.#services.cursor.current;
    if (at.kind === 'question') this.#held.arrive(at.question);
    const snapshot = await this.#snapshot().catch((error: unknown): RationaleSnapshot => {
      const failure = this.#services.reporter.describe(error) ?? { code: 'internal', reason: '', nextStep: '' };
      return { kind: 'failed', failure: { ...failure, actions: ['retry', 'open-log'] } };
    });
    // Reading files takes time: a picture of where the cursor was is not shown any more, and the next is of where it is.
    if (at !== this.#services.cursor.current) return;
    if (at.kind === 'question') {
      const others = this.#shown.filter(({ row }) => row.rowKey !== at.question.row.rowKey);
      this.#shown = [...others, at.question].slice(-QUESTIONS_SHOWN);
    }
    channel.post({ type: 'snapshot', snapshot });
  }

  async #snapshot(): Promise<RationaleSnapshot> {
    const { cursor, settings } = this.#services;
    if (!vscode.workspace.isTrusted) return { kind: 'empty', why: 'untrusted' };
    const at = cursor.current;
    if (at.kind === 'none') return { kind: 'empty', why: at.why };
    const { rowKey } = at.question.row;
    if ((await this.#source.runOf(this.#held.asHeld(at.question))) === null && settings.modelFolder === undefined) {
      return { kind: 'empty', why: 'no-model' };
    }
    const { question, known } = await this.#held.known(at.question);
    const marks = await this.#source.marks(question, known.run);
    const newer = await this.#held.newer(at.question, known);
    return await questionSnapshot({
      question,
      dataset: vscode.workspace.asRelativePath(question.file),
      known,
      choice: this.#held.choice(question, known),
      marks,
      sampling: this.#defaults(known),
      activity: this.#jobs.activity(rowKey),
      failure: this.#jobs.failure(rowKey) ?? this.#failureOf(marks.ratingsError),
      unscored: this.#jobs.unscored(rowKey),
      ...(this.#rated === undefined ? {} : { rated: this.#rated }),
      ...(newer === undefined ? {} : { newer }),
    });
  }

  /** Described, which logs it, once for as long as it lasts: the panel is drawn at every update of a run. */
  #failureOf(error: unknown): PanelFailure | null {
    const told = String(error);
    if (this.#ratingsFailure?.told !== told) {
      const failure = error === undefined ? undefined : this.#services.reporter.describe(error);
      this.#ratingsFailure = { told, shown: failure === undefined ? null : { ...failure, actions: ['open-log'] } };
    }
    return this.#ratingsFailure.shown;
  }

  /** Another dataset may have an equal row: it is that of the file that was shown, and on the line where it is now. */
  #questionOf(rowKey: string): Question | undefined {
    const isAbout = (each: Question | undefined) => each?.row.rowKey === rowKey;
    const [here, shown] = [this.#questionAtCursor(), this.#shown.findLast(isAbout)];
    const meant = isAbout(here) && (shown === undefined || shown.file === here?.file) ? here : shown;
    return meant && this.#held.asHeld(meant);
  }

  #questionAtCursor(): Question | undefined {
    const at = this.#services.cursor.current;
    return at.kind === 'question' ? this.#held.asHeld(at.question) : undefined;
  }

  /** The settings' values. With strategies, rationales are sampled under each equally often unless a person chooses otherwise. */
  #defaults({ strategyNames }: KnownQuestion): SamplingSettings {
    const { rationalesPerQuestion: k, temperature, seed } = this.#services.settings;
    return { k, temperature, seed, ...(Object.keys(strategyNames).length === 0 ? {} : { strategy: 'all' }) };
  }
}

/** @param isWritten whether a person has written something that was to be kept with it */
function rationaleGone(isWritten: boolean): LatroError {
  const { l10n } = vscode;
  const next = isWritten
    ? l10n.t('What you wrote is still in the panel.')
    : l10n.t('It was discarded or rolled back; the panel shows what there is.');
  return new LatroError('dataset-row', l10n.t('This rationale is not there any more.'), next);
}
