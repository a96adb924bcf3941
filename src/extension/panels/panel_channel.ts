/** The host's end of a panel's wire: intents are validated as they arrive, and a handler that fails is reported, not lost. */
import * as v from 'valibot';
import type * as vscode from 'vscode';
import { MisfitReport, misfitText } from '../../protocol/misfit.ts';
import type { Log } from '../common/log.ts';
import type { Reporter } from '../reporter.ts';
import { panelStrings } from './panel_strings.ts';

/** The part of a webview that is needed. */
type Wire = Pick<vscode.Webview, 'onDidReceiveMessage' | 'postMessage'>;

export class PanelChannel<Message, Intent extends { readonly type: string }> implements vscode.Disposable {
  readonly #webview: Wire;
  readonly #subscription: vscode.Disposable;

  constructor(options: {
    readonly webview: Wire;
    readonly extensionUri: vscode.Uri;
    readonly intents: v.GenericSchema<unknown, Intent>;
    readonly onIntent: (intent: Intent) => Promise<void> | void;
    readonly reporter: Pick<Reporter, 'report'>;
    readonly log: Log;
  }) {
    const { webview, extensionUri, intents, onIntent, reporter, log } = options;
    this.#webview = webview;
    this.#subscription = webview.onDidReceiveMessage(async (raw: unknown) => {
      const misfit = v.safeParse(MisfitReport, raw);
      if (misfit.success) {
        log.warn(`a panel was sent something that is no message: ${misfit.output.what}`);
        return;
      }
      const intent = v.safeParse(intents, raw);
      if (!intent.success) {
        log.warn(`a panel sent something that is no intent: ${misfitText(intent.issues)}`);
        return;
      }
      try {
        if (intent.output.type === 'ready') {
          const strings = await panelStrings(extensionUri);
          if (strings !== undefined) void webview.postMessage(strings);
        }
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
