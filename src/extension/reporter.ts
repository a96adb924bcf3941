/** Tells the user of errors: one message, what is wrong and what to do, with the log a click away. Cancelling is none. */
import * as vscode from 'vscode';
import { Cancelled, LatroError } from '../engine/common/errors.ts';
import type { EngineFailure } from '../protocol/engine_rpc.ts';
import { EngineRequestError } from './engine/engine_client.ts';
import { engineFailure, failureText } from './engine/engine_text.ts';

export interface MessageAction {
  readonly title: string;
  readonly run: () => unknown;
}

export class Reporter {
  readonly #log: vscode.LogOutputChannel;

  constructor(log: vscode.LogOutputChannel) {
    this.#log = log;
  }

  /** Shows an error unless somebody else does or it is none; resolves once it is on the screen, not once it is read. */
  report(error: unknown): void {
    const failure = this.describe(error);
    // The supervisor tells of an engine that died under a request: once, not once per request.
    if (failure === undefined || (error instanceof EngineRequestError && failure.code === 'engine-stopped')) return;
    this.showError(failureText(failure));
  }

  /** Shows what the engine says of a job that failed. */
  showFailure(failure: EngineFailure, ...actions: MessageAction[]): void {
    this.showError(failureText(engineFailure(failure)), ...actions);
  }

  showError(message: string, ...actions: MessageAction[]): void {
    const openLog = { title: vscode.l10n.t('Open Log'), run: () => this.#log.show() };
    offer(vscode.window.showErrorMessage, message, [...actions, openLog]);
  }

  showInformation(message: string, ...actions: MessageAction[]): void {
    offer(vscode.window.showInformationMessage, message, actions);
  }

  /** An error in the user's language, logged in English with what only we can use; undefined for a cancellation. */
  describe(error: unknown): EngineFailure | undefined {
    const failure = this.failureOf(error);
    return failure && engineFailure(failure);
  }

  /** The same as the engine said it, for who reads English: a language model. */
  failureOf(error: unknown): EngineFailure | undefined {
    if (error instanceof Cancelled || error instanceof vscode.CancellationError) return undefined;
    if (error instanceof EngineRequestError) {
      this.#log.warn(error.message);
      return error.failure;
    }
    if (error instanceof LatroError) {
      this.#log.warn(error.message);
      return { code: error.code, reason: error.reason, nextStep: error.nextStep };
    }
    this.#log.error(error instanceof Error ? error : String(error));
    const reason = error instanceof Error ? error.message : String(error);
    return { code: 'internal', reason: vscode.l10n.t('LaTRO Studio failed ({0}).', reason), nextStep: '' };
  }
}

type Show = (message: string, ...items: string[]) => Thenable<string | undefined>;

function offer(show: Show, message: string, actions: readonly MessageAction[]): void {
  void show(message, ...actions.map((action) => action.title)).then((chosen) =>
    actions.find((action) => action.title === chosen)?.run(),
  );
}
