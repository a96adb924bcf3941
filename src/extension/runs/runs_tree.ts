/** The runs of the workspace as a tree: state, gain, and what can be done with each. */
import * as vscode from 'vscode';
import { shownLines } from '../common/shown_text.ts';
import { engineText } from '../engine/engine_text.ts';
import type { JobTracker } from '../engine/job_tracker.ts';
import {
  briefText,
  canExport,
  canRollBack,
  gainText,
  isResumable,
  type ShownRun,
  shownRun,
  statusIcon,
  statusText,
  stepText,
  subjectText,
} from './run_text.ts';
import type { RunsWatcher } from './runs_watcher.ts';

/** A row, and what menus hand to commands; the same object for as long as the run is listed. */
export interface RunNode {
  readonly runId: string;
}

export function isRunNode(argument: unknown): argument is RunNode {
  return typeof argument === 'object' && argument !== null && 'runId' in argument && typeof argument.runId === 'string';
}

export class RunsTree implements vscode.TreeDataProvider<RunNode> {
  readonly #runs: RunsWatcher;
  readonly #jobs: JobTracker;
  readonly #changed = new vscode.EventEmitter<RunNode | undefined>();
  readonly #subscription: vscode.Disposable;
  /** What is on the screen, newest first, with what each row said when it was drawn last. */
  #shown: readonly { readonly node: RunNode; readonly text: string }[] = [];

  readonly onDidChangeTreeData = this.#changed.event;

  constructor(runs: RunsWatcher, jobs: JobTracker) {
    this.#runs = runs;
    this.#jobs = jobs;
    this.#subscription = runs.onChanged(() => this.#drawChanges());
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#changed.dispose();
  }

  getChildren(node?: RunNode): RunNode[] {
    if (node !== undefined) return [];
    const nodes = new Map(this.#shown.map(({ node: each }) => [each.runId, each]));
    this.#shown = this.#runs.runs.map(({ id }) => {
      const each = nodes.get(id) ?? { runId: id };
      return { node: each, text: this.#textOf(each) };
    });
    return this.#shown.map(({ node: each }) => each);
  }

  /** A row that is drawn anew loses the click that is under way: rows that say the same as before are left alone. */
  #drawChanges(): void {
    const ids = this.#runs.runs.map(({ id }) => id);
    if (ids.join('\n') !== this.#shown.map(({ node }) => node.runId).join('\n')) {
      this.#changed.fire(undefined);
      return;
    }
    const before = this.#shown;
    this.#shown = before.map(({ node }) => ({ node, text: this.#textOf(node) }));
    for (const [i, { node, text }] of this.#shown.entries()) {
      if (text !== before[i]?.text) this.#changed.fire(node);
    }
  }

  /** All that a row is drawn from. */
  #textOf(node: RunNode): string {
    const item = this.getTreeItem(node);
    const { tooltip } = item; // Markdown shows nothing of itself in JSON
    return JSON.stringify([item, tooltip instanceof vscode.MarkdownString ? tooltip.value : tooltip]);
  }

  getTreeItem({ runId }: RunNode): vscode.TreeItem {
    const found = this.#runs.find(runId);
    if (found === undefined) return new vscode.TreeItem(runId);
    const job = this.#jobs.ofRun(runId);
    const run = shownRun(found, job);
    const item = new vscode.TreeItem(subjectText(run));
    item.id = run.id;
    item.description = briefText(run);
    item.iconPath = statusIcon(run.status);
    item.contextValue = contextOf(run, job !== undefined);
    item.tooltip = tooltipOf(run);
    item.accessibilityInformation = {
      label: [subjectText(run), statusText(run.status), stepText(run), gainText(run)].filter(Boolean).join(', '),
    };
    // Without arguments, which VS Code forgets when the row is drawn anew, and without a condition, which it takes for unmet until a
    // window that has been reloaded knows that it is trusted: in both cases a click on its way would do nothing.
    item.command = { command: 'latro.openSelectedRun', title: vscode.l10n.t('Open Run Dashboard') };
    return item;
  }
}

/** Matched by the `when` clauses of `view/item/context` in package.json. */
function contextOf(run: ShownRun, live: boolean): string {
  const words = {
    live,
    resumable: isResumable(run),
    evaluated: run.gain !== null,
    rollable: canRollBack(run),
    exportable: canExport(run),
  };
  const fitting = Object.entries(words).flatMap(([word, fits]) => (fits ? [word] : []));
  return [`run-${run.status}`, ...fitting].join(' ');
}

/** Plain text in Markdown: names of models and files are shown, never interpreted. */
function tooltipOf(run: ShownRun): vscode.MarkdownString {
  const lines = [run.id, run.model, run.dataset, stepText(run), gainText(run), engineText(run.statusReason)];
  return new vscode.MarkdownString(shownLines(lines));
}
