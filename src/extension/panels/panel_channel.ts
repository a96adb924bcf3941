/** The host's end of a panel's wire: intents are validated as they arrive, and a handler that fails is reported, not lost. */
import * as v from 'valibot';
import type * as vscode from 'vscode';
import type { Reporter } from '../reporter.ts';

export class PanelChannel<Message, Intent extends { readonly type: string }> implements vscode.Disposable {
  readonly #webview: vscode.Webview;
  readonly #subscription: vscode.Disposable;

  constructor(options: {
    readonly webview: vscode.Webview;
    readonly intents: v.GenericSchema<unknown, Intent>;
    readonly onIntent: (intent: Intent) => Promise<void> | void;
    readonly reporter: Reporter;
    readonly log: vscode.LogOutputChannel;
  }) {
    const { webview, intents, onIntent, reporter, log } = options;
    this.#webview = webview;
    this.#subscription = webview.onDidReceiveMessage(async (raw: unknown) => {
      const intent = v.safeParse(intents, raw);
      if (!intent.success) {
        log.warn(`a panel sent something that is no intent: ${intent.issues[0].message}`);
        return;
      }
      try {
        await onIntent(intent.output);
      } catch (error) {
        reporter.report(error);
      }
    });
  }

  /** A hidden panel loses messages; it says `ready` when it is shown again, and gets everything anew. */
  post(message: Message): void {
    void this.#webview.postMessage(message);
  }

  dispose(): void {
    this.#subscription.dispose();
  }
}
