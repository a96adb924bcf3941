/**
 * Notes and ratings as comment threads on the rows of a dataset. What is true stands in the sidecars; threads only show it, each on
 * the row it belongs to, wherever that is by now.
 */
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import type { FileSystem } from '../../engine/common/file_system.ts';
import { readRatings } from '../../engine/datasets/ratings.ts';
import { DisposableStore } from '../common/disposables.ts';
import { mayBeDataset } from '../dataset/dataset_document.ts';
import { formatOf, isJsonLines, rowAt } from '../dataset/dataset_rows.ts';
import type { Place } from '../dataset/place.ts';
import { tooLarge } from '../dataset/too_large.ts';
import { failureText } from '../engine/engine_text.ts';
import type { DocumentIndex } from '../inline/document_index.ts';
import type { DocumentIndexes } from '../inline/document_indexes.ts';
import type { RatingStore } from '../rationales/rating_store.ts';
import type { Reporter } from '../reporter.ts';
import { NoteAnchors } from './note_anchors.ts';
import type { NoteStore } from './note_store.ts';
import { RowComment } from './row_comment.ts';

export interface NoteServices {
  readonly indexes: DocumentIndexes;
  readonly notes: NoteStore;
  readonly ratings: RatingStore;
  readonly files: FileSystem;
  readonly reporter: Reporter;
  /** Of VS Code; `NoteThreads` disposes it. */
  readonly controller: vscode.CommentController;
}

/** The threads of one open dataset. */
interface Board {
  readonly index: DocumentIndex;
  readonly anchors: NoteAnchors;
  readonly threads: Map<string, vscode.CommentThread>;
  /** By row key. */
  comments: ReadonlyMap<string, readonly RowComment[]>;
}

export class NoteThreads implements vscode.Disposable {
  readonly #services: NoteServices;
  readonly #controller: vscode.CommentController;
  readonly #boards = new Map<vscode.TextDocument, Board>();
  readonly #disposables = new DisposableStore();
  /** A person has just written on this row: its thread stays open. */
  #writtenOn: string | undefined;

  constructor(services: NoteServices) {
    this.#services = services;
    const { l10n } = vscode;
    this.#controller = services.controller;
    this.#controller.options = { prompt: l10n.t('Note on this row…'), placeHolder: l10n.t('Write a note') };
    this.#controller.commentingRangeProvider = { provideCommentingRanges };
    const watcher = vscode.workspace.createFileSystemWatcher('**/*.{notes,ratings}.json');
    const { indexes } = services;
    const parts = [
      this.#controller,
      watcher,
      ...[watcher.onDidCreate, watcher.onDidChange, watcher.onDidDelete].map((event) =>
        event((uri) => this.#reload(uri)),
      ),
      indexes.onChanged((index) => this.#update(index)),
      indexes.onClosed((document) => this.#close(document)),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) =>
        this.#boards.get(document)?.anchors.edited(contentChanges),
      ),
      vscode.workspace.onDidSaveTextDocument((document) => this.#report(this.#moveAlong(document))),
    ];
    for (const part of parts) this.#disposables.add(part);
    for (const index of indexes.all) this.#update(index);
  }

  dispose(): void {
    this.#disposables.dispose();
  }

  /** From the thread a person has begun or answered: `argument` is VS Code's `CommentReply`. */
  async add(argument: unknown): Promise<void> {
    const { thread, text } = argument as vscode.CommentReply;
    try {
      const document = await vscode.workspace.openTextDocument(thread.uri);
      const known = [...(this.#boards.get(document)?.threads ?? [])].find(([, own]) => own === thread);
      const rowKey = known?.[0] ?? rowKeyAt(document, placeOf(thread, document));
      await this.#services.notes.add(document.fileName, rowKey, text);
      this.#writtenOn = rowKey;
      if (known === undefined) thread.dispose();
    } catch (error) {
      this.#offerCopy(error, text);
      return;
    }
    await this.#readOf(thread.uri.fsPath);
  }

  async edit(argument: unknown): Promise<void> {
    if (!(argument instanceof RowComment)) return;
    argument.beginEdit();
    this.#redraw(argument);
  }

  async cancelEdit(argument: unknown): Promise<void> {
    if (!(argument instanceof RowComment)) return;
    argument.endEdit();
    this.#redraw(argument);
    // What changed meanwhile.
    await this.#readOf(argument.dataset);
  }

  async save(argument: unknown): Promise<void> {
    if (!(argument instanceof RowComment)) return;
    const { notes, ratings } = this.#services;
    const { dataset, source, body } = argument;
    try {
      if (source.kind === 'note') await notes.edit(dataset, source.note.id, body);
      else {
        const { rowKey, rationale } = source.rating;
        await ratings.rate(dataset, rowKey, rationale, { note: body.trim() });
      }
    } catch (error) {
      this.#offerCopy(error, body);
      // VS Code has closed the editor: what looked like being edited could neither be edited nor deleted any more.
      argument.endEdit();
      await this.#readOf(dataset, () => {}); // where that fails too, it has just been said
      return;
    }
    argument.endEdit();
    await this.#readOf(dataset);
  }

  async remove(argument: unknown): Promise<void> {
    if (!(argument instanceof RowComment)) return;
    const { notes, ratings } = this.#services;
    const { dataset, source } = argument;
    if (source.kind === 'note') await notes.remove(dataset, source.note.id);
    else {
      const { rowKey, rationale } = source.rating;
      await ratings.rate(dataset, rowKey, rationale, { verdict: null, note: '' });
    }
    argument.endEdit(); // its title bar is there while one edits it
    await this.#readOf(dataset);
  }

  /** VS Code has emptied or closed the form by now: a note that cannot be stored is nowhere else. */
  #offerCopy(error: unknown, text: string): void {
    const { reporter } = this.#services;
    const failure = reporter.describe(error);
    if (failure === undefined) return;
    const copy = { title: vscode.l10n.t('Copy the Note'), run: () => vscode.env.clipboard.writeText(text) };
    reporter.showError(failureText(failure), copy);
  }

  #report(work: Promise<void>): void {
    work.catch((error: unknown) => this.#services.reporter.report(error));
  }

  #reload({ fsPath }: vscode.Uri): void {
    this.#report(this.#readOf(fsPath.replace(/\.(notes|ratings)\.json$/, '')));
  }

  async #readOf(dataset: string, tell?: (error: unknown) => void): Promise<void> {
    for (const document of this.#boards.keys()) if (document.fileName === dataset) await this.#read(document, tell);
  }

  /** Rows were read: threads are moved to where their rows are; those of a dataset that is new are read first. */
  #update(index: DocumentIndex): void {
    if (!index.isComplete || index.format === undefined) return;
    const board = this.#boards.get(index.document);
    if (board !== undefined) {
      this.#place(board);
      return;
    }
    const { document } = index;
    const anchors = new NoteAnchors(isJsonLines(document));
    this.#boards.set(document, { index, anchors, threads: new Map(), comments: new Map() });
    this.#report(this.#read(document));
  }

  async #read(
    document: vscode.TextDocument,
    tell = (error: unknown) => this.#services.reporter.report(error),
  ): Promise<void> {
    const { notes, files } = this.#services;
    const { fileName } = document;
    const comments = new Map<string, RowComment[]>();
    const take = (rowKey: string, comment: RowComment) =>
      comments.set(rowKey, [...(comments.get(rowKey) ?? []), comment]);
    // One of the two that cannot be read takes nothing away from the other.
    const [noted, rated] = await Promise.allSettled([notes.of(fileName), readRatings(files, fileName)]);
    if (noted.status === 'rejected') tell(noted.reason);
    else for (const note of noted.value) take(note.rowKey, new RowComment(fileName, { kind: 'note', note }));
    if (rated.status === 'rejected') tell(rated.reason);
    else for (const rating of rated.value) take(rating.rowKey, new RowComment(fileName, { kind: 'rating', rating }));
    const board = this.#boards.get(document);
    if (board === undefined) return;
    keepWhatIsTyped(comments, board.comments);
    board.comments = comments;
    for (const [rowKey, thread] of board.threads) thread.comments = comments.get(rowKey) ?? [];
    if (board.index.isComplete) this.#place(board);
  }

  #place(board: Board): void {
    const { index, anchors, comments, threads } = board;
    const keys = new Set(comments.keys());
    const found = index.find(keys);
    anchors.settle(keys, found);
    const { adrift } = anchors;
    for (const [rowKey, thread] of threads) {
      if (keys.has(rowKey) && anchors.place(rowKey) !== undefined) continue;
      thread.dispose();
      threads.delete(rowKey);
    }
    for (const [rowKey, own] of comments) {
      const place = anchors.place(rowKey);
      if (place === undefined) continue; // not in the file now; it may come back
      const end = found.get(rowKey)?.shownAt ?? index.document.lineAt(place.line).range.end;
      const range = new vscode.Range(place.line, place.character, end.line, end.character);
      const thread = threads.get(rowKey) ?? this.#begin(index.document, range, own);
      threads.set(rowKey, thread);
      if (thread.range?.start.isEqual(range.start) !== true) thread.range = range;
      const label = labelOf(own, adrift.has(rowKey));
      if (thread.label !== label) thread.label = label;
      if (this.#writtenOn !== rowKey) continue;
      thread.collapsibleState = vscode.CommentThreadCollapsibleState.Expanded;
      this.#writtenOn = undefined;
    }
  }

  #begin({ uri }: vscode.TextDocument, range: vscode.Range, comments: readonly RowComment[]): vscode.CommentThread {
    const thread = this.#controller.createCommentThread(uri, range, comments);
    thread.collapsibleState = vscode.CommentThreadCollapsibleState.Collapsed;
    return thread;
  }

  /** A row that was edited where it stands keeps its notes: they get its new key once it is saved. Ratings are of what it was. */
  async #moveAlong(document: vscode.TextDocument): Promise<void> {
    const board = this.#boards.get(document);
    if (board === undefined) return;
    const moved = new Map<string, string>();
    const keys = new Set(board.comments.keys());
    await board.index.readNow();
    board.anchors.settle(keys, board.index.find(keys));
    for (const [rowKey, place] of board.anchors.adrift) {
      const now = board.index.keyAt(place);
      if (now != null && hasNote(board.comments.get(rowKey))) moved.set(rowKey, now);
    }
    if (moved.size === 0) return;
    await this.#services.notes.moveAlong(document.fileName, moved);
    await this.#read(document);
  }

  #redraw(comment: RowComment): void {
    for (const { threads } of this.#boards.values()) {
      for (const thread of threads.values()) {
        if (thread.comments.includes(comment)) thread.comments = [...thread.comments];
      }
    }
  }

  #close(document: vscode.TextDocument): void {
    for (const thread of this.#boards.get(document)?.threads.values() ?? []) thread.dispose();
    this.#boards.delete(document);
  }
}

const hasNote = (comments: readonly RowComment[] = []): boolean =>
  comments.some(({ source }) => source.kind === 'note');

function labelOf(comments: readonly RowComment[], isChanged: boolean): string {
  const { l10n } = vscode;
  return isChanged && !hasNote(comments) ? l10n.t('Ratings of this row as it was') : l10n.t('Notes on this row');
}

/** VS Code begins a thread with the selection or at the beginning of a line: of several rows there the one under the cursor is meant. */
function placeOf({ range }: vscode.CommentThread, document: vscode.TextDocument): Place {
  const start = range?.start ?? new vscode.Position(0, 0);
  if (start.character > 0) return start;
  const { activeTextEditor: active, visibleTextEditors: others } = vscode.window;
  const cursor = [active, ...others].find((editor) => editor?.document === document)?.selection.active;
  return cursor?.line === start.line ? cursor : start;
}

function rowKeyAt(document: vscode.TextDocument, place: Place): string {
  const found = rowAt(document, place);
  if (found.kind === 'row') return found.row.rowKey;
  if (found.kind === 'too-large') throw tooLarge(document.fileName);
  const { l10n } = vscode;
  const next = l10n.t('Write the note on a row with a question and an answer.');
  throw new LatroError(
    'dataset-row',
    l10n.t('There is no row on line {0} to note something on.', place.line + 1),
    next,
  );
}

/** Notes may be written on any line of a dataset; which row it is shows when one is written. */
function provideCommentingRanges(document: vscode.TextDocument): vscode.Range[] {
  if (!mayBeDataset(document) || formatOf(document) === undefined) return [];
  return [new vscode.Range(0, 0, document.lineCount - 1, 0)];
}

/** A comment that is being edited stays the object it is, for VS Code closes the editor of another: also one that was deleted meanwhile. */
function keepWhatIsTyped(comments: Map<string, RowComment[]>, before: Board['comments']): void {
  for (const [rowKey, own] of before) {
    for (const typed of own) {
      if (typed.mode !== vscode.CommentMode.Editing) continue;
      const now = comments.get(rowKey) ?? [];
      const at = now.findIndex((each) => each.identity === typed.identity);
      comments.set(rowKey, at === -1 ? [...now, typed] : now.with(at, typed));
    }
  }
}
