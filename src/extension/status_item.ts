/** The one item in the status bar (a test counts): several parts have something to say there, and the most pressing one is read. */
import * as vscode from 'vscode';
import { shownText } from './common/shown_text.ts';

/** What may be said, the most pressing first: the run that is trained, what is off for the file in front, the model that would be used. */
const LAYERS = ['run', 'file', 'model'] as const;
export type StatusLayer = (typeof LAYERS)[number];

export interface StatusFace {
  readonly text: string;
  readonly tooltip: vscode.MarkdownString;
  readonly command: string | vscode.Command;
}

export class StatusItem implements vscode.Disposable {
  readonly #item: vscode.StatusBarItem;
  readonly #faces = new Map<StatusLayer, StatusFace>();

  /** @param item of VS Code; it is disposed with this */
  constructor(item: vscode.StatusBarItem) {
    this.#item = item;
    this.#item.name = 'LaTRO Studio';
  }

  /** @param face undefined: this layer has nothing to say */
  set(layer: StatusLayer, face: StatusFace | undefined): void {
    if (face === undefined) this.#faces.delete(layer);
    else this.#faces.set(layer, face);
    const faces = LAYERS.flatMap((each) => this.#faces.get(each) ?? []);
    const [first] = faces;
    if (first === undefined) {
      this.#item.hide();
      return;
    }
    this.#item.text = first.text;
    this.#item.command = first.command;
    this.#item.tooltip = joined(faces.map(({ tooltip }) => tooltip));
    this.#item.show();
  }

  dispose(): void {
    this.#item.dispose();
  }
}

/** What is said less loudly stands below, so nothing is lost. A link works if any of the texts may run its command. */
function joined(texts: readonly vscode.MarkdownString[]): vscode.MarkdownString {
  const all = new vscode.MarkdownString(texts.map(({ value }) => value).join('\n\n---\n\n'));
  const enabledCommands = texts.flatMap(({ isTrusted }) =>
    typeof isTrusted === 'object' ? isTrusted.enabledCommands : [],
  );
  if (enabledCommands.length > 0) all.isTrusted = { enabledCommands };
  return all;
}

/** Shown as it is, never interpreted. */
export const plainTooltip = (text: string): vscode.MarkdownString => new vscode.MarkdownString(shownText(text));
