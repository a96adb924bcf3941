/**
 * Editor panels of one kind, at most one per subject (a run, a pair of evaluations). They come back after a reload of the window: VS Code
 * restores a panel with its title, and the title leads to the subject.
 */
import * as v from 'valibot';
import * as vscode from 'vscode';
import type { Reporter } from '../reporter.ts';
import { PanelChannel } from './panel_channel.ts';
import { type PanelName, panelPage, webviewOptions } from './webview_page.ts';

/** What stands behind one open panel. */
export interface PanelController<Intent> extends vscode.Disposable {
  obey(intent: Intent): Promise<void>;
}

/** What a controller can do with its panel. */
export interface PanelPort<Subject, Message> {
  post(message: Message): void;
  /**
   * Makes the panel one about another subject, with its title, which lasts over a reload of the window. false: there is a panel about
   * that one, which was brought to the front instead, or this one has been closed.
   */
  become(subject: Subject): Promise<boolean>;
}

export interface PanelKind<Subject, Message, Intent extends { readonly type: string }> {
  /** As in the activation event `onWebviewPanel:…`. */
  readonly viewType: string;
  readonly page: PanelName;
  readonly intents: v.GenericSchema<unknown, Intent>;
  readonly subject: v.GenericSchema<unknown, Subject>;
  title(subject: Subject): string;
  /** Said too where another subject has the same title; different for different subjects. */
  detail(subject: Subject): string;
  open(subject: Subject, port: PanelPort<Subject, Message>): PanelController<Intent>;
}

export interface PanelServices {
  readonly extensionUri: vscode.Uri;
  readonly memento: vscode.Memento;
  readonly reporter: Reporter;
  readonly log: vscode.LogOutputChannel;
}

/** Subjects remembered per kind: more panels than anyone leaves open. */
const REMEMBERED = 40;

export class PanelGroup<Subject, Message, Intent extends { readonly type: string }>
  implements vscode.WebviewPanelSerializer, vscode.Disposable
{
  readonly #services: PanelServices;
  readonly #kind: PanelKind<Subject, Message, Intent>;
  /** By what they are about, not by what is written on them: two subjects may have one title. */
  readonly #panels = new Map<string, vscode.WebviewPanel>();
  readonly #registration: vscode.Disposable;

  constructor(services: PanelServices, kind: PanelKind<Subject, Message, Intent>) {
    this.#services = services;
    this.#kind = kind;
    this.#registration = vscode.window.registerWebviewPanelSerializer(kind.viewType, this);
  }

  /** Opens a panel, or brings the one that is open to the front. */
  async show(subject: Subject): Promise<void> {
    if (this.#reveal(subject)) return;
    const title = this.#titleOf(subject);
    await this.#remember(title, subject);
    // Asked for twice in a row, both may have come this far.
    if (this.#reveal(subject)) return;
    const { viewType } = this.#kind;
    const options = webviewOptions(this.#services.extensionUri);
    this.#fill(vscode.window.createWebviewPanel(viewType, title, vscode.ViewColumn.Active, options), subject);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel): Promise<void> {
    const remembered = new Map(this.#remembered);
    const subject = v.safeParse(this.#kind.subject, remembered.get(panel.title));
    if (!subject.success || !vscode.workspace.isTrusted) return panel.dispose();
    panel.webview.options = webviewOptions(this.#services.extensionUri);
    this.#fill(panel, subject.output);
  }

  dispose(): void {
    this.#registration.dispose();
    for (const panel of this.#panels.values()) panel.dispose();
  }

  #fill(panel: vscode.WebviewPanel, subject: Subject): void {
    const { extensionUri, reporter, log } = this.#services;
    const { page, intents } = this.#kind;
    const { webview } = panel;
    let identity = this.#identityOf(subject);
    let isClosed = false;
    this.#panels.set(identity, panel);
    const icon = (theme: string) => vscode.Uri.joinPath(extensionUri, 'media', `icon-${theme}.svg`);
    panel.iconPath = { light: icon('light'), dark: icon('dark') };
    const become = async (other: Subject): Promise<boolean> => {
      // Subjects are picked, read and remembered in time, in which a panel may be closed and others opened.
      const isTaken = () => isClosed || this.#reveal(other, panel);
      if (isTaken()) return false;
      const title = this.#titleOf(other, panel);
      await this.#remember(title, other);
      if (isTaken()) return false;
      this.#panels.delete(identity);
      identity = this.#identityOf(other);
      this.#panels.set(identity, panel);
      panel.title = title;
      return true;
    };
    const controller = this.#kind.open(subject, { post: (message) => channel.post(message), become });
    const onIntent = (intent: Intent) => controller.obey(intent);
    const channel = new PanelChannel<Message, Intent>({ webview, extensionUri, intents, onIntent, reporter, log });
    panel.onDidDispose(() => {
      isClosed = true;
      channel.dispose();
      controller.dispose();
      if (this.#panels.get(identity) === panel) this.#panels.delete(identity);
    });
    webview.html = panelPage(webview, extensionUri, page);
  }

  get #key(): string {
    return `${this.#kind.viewType}.subjects`;
  }

  get #remembered(): [string, unknown][] {
    return this.#services.memento.get<[string, unknown][]>(this.#key, []);
  }

  /** Brings the panel about a subject to the front; false: there is none but `own`. */
  #reveal(subject: Subject, own?: vscode.WebviewPanel): boolean {
    const open = this.#panels.get(this.#identityOf(subject));
    if (open === undefined || open === own) return false;
    open.reveal();
    return true;
  }

  /** Equal for equal subjects, whatever the order of their parts. */
  #identityOf(subject: Subject): string {
    return JSON.stringify(v.parse(this.#kind.subject, subject));
  }

  /** Its own among all that are remembered or open. */
  #titleOf(subject: Subject, own?: vscode.WebviewPanel): string {
    const title = this.#kind.title(subject);
    const known = v.safeParse(this.#kind.subject, new Map(this.#remembered).get(title));
    const isOfOther = known.success && this.#identityOf(known.output) !== this.#identityOf(subject);
    const isOnOther = [...this.#panels.values()].some((panel) => panel !== own && panel.title === title);
    return isOfOther || isOnOther ? `${title} (${this.#kind.detail(subject)})` : title;
  }

  async #remember(title: string, subject: Subject): Promise<void> {
    const others = this.#remembered.filter(([each]) => each !== title);
    await this.#services.memento.update(this.#key, [...others, [title, subject]].slice(-REMEMBERED));
  }
}
