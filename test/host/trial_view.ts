/** A side panel on a webview that keeps what is posted to it, with everything behind it. */
import assert from 'node:assert/strict';
import path from 'node:path';
import * as vscode from 'vscode';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { EngineSupervisor } from '../../src/extension/engine/engine_supervisor.ts';
import { CursorQuestion } from '../../src/extension/rationales/cursor_question.ts';
import { PanelChoices } from '../../src/extension/rationales/panel_choices.ts';
import { QuestionSource } from '../../src/extension/rationales/question_source.ts';
import { RatingStore } from '../../src/extension/rationales/rating_store.ts';
import { RationaleStore } from '../../src/extension/rationales/rationale_store.ts';
import { RationaleView } from '../../src/extension/rationales/rationale_view.ts';
import { Reporter } from '../../src/extension/reporter.ts';
import { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import { Settings } from '../../src/extension/settings.ts';
import type {
  RationaleHostMessage,
  RationaleIntent,
  RationaleQuestion,
} from '../../src/protocol/rationale_messages.ts';
import { extension } from './studio.ts';

/** As VS Code hands it out; what is shown is up to the test. */
export class ViewOnTrial {
  readonly posted: RationaleHostMessage[] = [];
  readonly lost: RationaleHostMessage[] = [];
  visible = true;
  readonly #intents = new vscode.EventEmitter<unknown>();
  readonly #visibility = new vscode.EventEmitter<void>();
  readonly viewType = 'latro.rationales';
  readonly onDidChangeVisibility = this.#visibility.event;
  readonly onDidDispose = new vscode.EventEmitter<void>().event;
  readonly webview = {
    options: {},
    html: '',
    cspSource: 'test:',
    asWebviewUri: (uri: vscode.Uri) => uri,
    onDidReceiveMessage: this.#intents.event,
    /** One that is hidden loses what is posted. */
    postMessage: async (message: RationaleHostMessage) => {
      (this.visible ? this.posted : this.lost).push(message);
      return this.visible;
    },
  };
  show(): void {}

  send(intent: RationaleIntent): void {
    this.#intents.fire(intent);
  }

  become(visible: boolean): void {
    this.visible = visible;
    this.#visibility.fire();
  }

  /** The question of the last snapshot. */
  get question(): RationaleQuestion | undefined {
    const last = this.posted.at(-1);
    return last?.type === 'snapshot' && last.snapshot.kind === 'question' ? last.snapshot : undefined;
  }
}

/** @param logged receives the reasons that go into the log */
export function sidePanel(folder: string, logged: string[]) {
  const files = new NodeFileSystem();
  const log = vscode.window.createOutputChannel('Test of the side panel', { log: true });
  const { extensionUri, extensionPath } = extension();
  const state = new Map<string, unknown>();
  const memento = {
    get: <T>(key: string, fallback: T) => (state.get(key) as T | undefined) ?? fallback,
    update: async (key: string, value: unknown) => void state.set(key, value),
  };
  const choices = new PanelChoices(memento);
  const runs = new RunsWatcher(folder, log);
  const { version } = extension().packageJSON as { version: string };
  const engine = new EngineSupervisor({ workspace: folder, entry: process.env.LATRO_TEST_ENGINE!, version, log });
  const cursor = new CursorQuestion();
  const ratings = new RatingStore(files, () => '2026-01-02T03:04:05.000Z');
  const store = new RationaleStore(files, path.join(folder, 'rationales'), assert.fail);
  const settings = new Settings(vscode.workspace.workspaceFolders?.[0], extensionPath);
  const reporter = new Reporter(log);
  const describe = reporter.describe.bind(reporter);
  reporter.describe = (error) => {
    const failure = describe(error);
    logged.push(`${failure?.reason} ${failure?.nextStep}`);
    return failure;
  };
  const view = new RationaleView({
    extensionUri,
    cursor,
    runs,
    engine,
    settings,
    ratings,
    source: new QuestionSource({ runs, store, ratings, choices, model: () => settings.requireModelFolder() }),
    choices,
    reporter,
    log,
  });
  return { view, cursor, ratings, store, settings, runs, disposables: [view, cursor, runs, engine, log] };
}
