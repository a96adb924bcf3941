/** Notes and ratings as threads of VS Code's comments: written, edited, cancelled and deleted there, and each time the sidecar on disk. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { formatById } from '../../src/engine/datasets/registry.ts';
import { checkRow } from '../../src/engine/datasets/row_check.ts';
import { DocumentIndexes } from '../../src/extension/inline/document_indexes.ts';
import { NoteStore } from '../../src/extension/notes/note_store.ts';
import { NoteThreads } from '../../src/extension/notes/note_threads.ts';
import { type NoteRecord, notesFile } from '../../src/extension/notes/notes_file.ts';
import { RowComment } from '../../src/extension/notes/row_comment.ts';
import { RatingStore } from '../../src/extension/rationales/rating_store.ts';
import { type MessageAction, Reporter } from '../../src/extension/reporter.ts';
import { type RatingRecord, ratingsFile } from '../../src/protocol/ratings.ts';
import { eventually } from '../support/eventually.ts';
import { extension, workspace } from './studio.ts';

const RATIONALE = 'Two and two are four,\nso the answer is 4.';
/** 2026-01-02 03:04:05 and a second more with every look. */
const clock = () => {
  let seconds = 5;
  return () => new Date(Date.UTC(2026, 0, 2, 3, 4, seconds++)).toISOString();
};

/** The controller of VS Code; its threads are in `shown` until they are disposed. */
function listened(real: vscode.CommentController, shown: Set<vscode.CommentThread>): vscode.CommentController {
  const createCommentThread: vscode.CommentController['createCommentThread'] = (...args) => {
    const made = real.createCommentThread(...args);
    const dispose = () => {
      shown.delete(thread);
      made.dispose();
    };
    const thread: vscode.CommentThread = Object.create(made, { dispose: { value: dispose } });
    shown.add(thread);
    return thread;
  };
  return Object.create(real, { createCommentThread: { value: createCommentThread } });
}

describe('threads of notes and ratings', () => {
  let file: string;
  let document: vscode.TextDocument;
  let threads: NoteThreads;
  let ratings: RatingStore;
  let notes: NoteStore;
  const errors: [string, ...MessageAction[]][] = [];
  const shown = new Set<vscode.CommentThread>();
  const disposables: vscode.Disposable[] = [];
  let begun: vscode.CommentController;

  /** VS Code makes the thread that a person begins, and shows it expanded. */
  const begin = (line: number, uri = document.uri) => {
    const thread = begun.createCommentThread(uri, new vscode.Range(line, 0, line, 0), []);
    thread.collapsibleState = vscode.CommentThreadCollapsibleState.Expanded;
    return thread;
  };

  const notesOnDisk = (): NoteRecord[] =>
    existsSync(notesFile(file)) ? JSON.parse(readFileSync(notesFile(file), 'utf8')).notes : [];
  const ratingsOnDisk = (): RatingRecord[] =>
    existsSync(ratingsFile(file)) ? JSON.parse(readFileSync(ratingsFile(file), 'utf8')).ratings : [];
  const rowKey = (line: number) =>
    checkRow(document.lineAt(line).text, line + 1, formatById('starter')).row?.rowKey ?? '';
  /** The comments that stand on a line (0-based) now. */
  const on = (line: number): readonly RowComment[] =>
    [...shown].filter(({ range }) => range?.start.line === line).flatMap(({ comments }) => comments as RowComment[]);
  const only = (line: number) =>
    eventually(() => {
      const [comment, ...more] = on(line);
      return more.length === 0 && comment;
    });

  before(async () => {
    await extension().activate();
    file = path.join(workspace(), 'threads.jsonl');
    const rows = ['a?', 'b?', 'c?'].map((question) => JSON.stringify({ question, answer: '4' }));
    writeFileSync(file, `${rows.join('\n')}\n`);
    document = await vscode.workspace.openTextDocument(file);
    await vscode.window.showTextDocument(document);
    // Once for all threads: VS Code draws all of them anew for a controller that is new, and where it comes to draw one twice before
    // its first state has arrived, it falls into an endless recursion ("Maximum call stack size exceeded").
    begun = vscode.comments.createCommentController('begun', 'begun');
    disposables.push(begun);
    const controller = listened(vscode.comments.createCommentController('latro.notes.test', 'test'), shown);
    const files = new NodeFileSystem();
    const now = clock();
    const log = vscode.window.createOutputChannel('Test of notes', { log: true });
    const indexes = new DocumentIndexes();
    ratings = new RatingStore(files, now);
    notes = new NoteStore(files, now, () => 'Ada');
    const reporter = new Reporter(log);
    const show = reporter.showError.bind(reporter);
    reporter.showError = (...args) => {
      errors.push(args);
      show(...args);
    };
    threads = new NoteThreads({ indexes, notes, ratings, files, reporter, controller });
    disposables.push(threads, indexes, log);
  });
  after(async () => {
    for (const each of disposables) each.dispose();
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    for (const name of [file, notesFile(file), ratingsFile(file)]) rmSync(name, { force: true });
  });

  it('a note becomes a thread on its row, with who wrote it and when', async () => {
    const thread = begin(1);
    await threads.add({ thread, text: 'Is four right?' });
    const comment = await only(1);
    assert.ok(comment instanceof RowComment);
    assert.deepEqual(
      [comment.body, comment.author.name, comment.contextValue, comment.mode],
      ['Is four right?', 'Ada', 'note', vscode.CommentMode.Preview],
    );
    assert.equal(comment.timestamp.toISOString(), '2026-01-02T03:04:05.000Z');
    const [{ rowKey: key, text, author } = { rowKey: '', text: '', author: '' }] = notesOnDisk();
    assert.deepEqual([key, text, author], [rowKey(1), 'Is four right?', 'Ada']);
  });

  it('is edited in place; cancelling brings back what was there and writes nothing', async () => {
    const before = notesOnDisk();
    const comment = await only(1);
    await threads.edit(comment);
    assert.equal(comment.mode, vscode.CommentMode.Editing);
    comment.body = 'half a thou'; // as VS Code does while a person types
    await threads.cancelEdit(comment);
    assert.deepEqual([comment.mode, comment.body], [vscode.CommentMode.Preview, 'Is four right?']);
    assert.deepEqual(notesOnDisk(), before);
  });

  it('is saved under the same id, and shown as it stands on disk then', async () => {
    const [before] = notesOnDisk();
    const comment = await only(1);
    await threads.edit(comment);
    comment.body = 'Four is right.';
    await threads.save(comment);
    const [after, ...more] = notesOnDisk();
    assert.deepEqual(more, []);
    assert.deepEqual([after?.id, after?.rowKey, after?.text], [before?.id, before?.rowKey, 'Four is right.']);
    assert.notEqual(after?.time, before?.time);
    const shownNow = await only(1);
    assert.deepEqual([shownNow.body, shownNow.mode], ['Four is right.', vscode.CommentMode.Preview]);
  });

  it('a second one stands in the same thread, and deleting one leaves the other', async () => {
    const thread = [...shown].find(({ range }) => range?.start.line === 1)!;
    await threads.add({ thread, text: 'Ask Bob.' });
    const [first, second] = await eventually(() => on(1).length === 2 && on(1));
    assert.deepEqual([first?.body, second?.body], ['Four is right.', 'Ask Bob.']);
    assert.equal(shown.size, 1);
    await threads.remove(first);
    assert.deepEqual(
      notesOnDisk().map(({ text }) => text),
      ['Ask Bob.'],
    );
    assert.equal((await only(1)).body, 'Ask Bob.');
  });

  it('the last one takes its thread away with it', async () => {
    await threads.remove(await only(1));
    assert.deepEqual(notesOnDisk(), []);
    await eventually(() => shown.size === 0);
  });

  it('saved without a text it is gone as well', async () => {
    await threads.add({ thread: begin(0), text: 'x' });
    const comment = await only(0);
    await threads.edit(comment);
    comment.body = '  ';
    await threads.save(comment);
    assert.deepEqual(notesOnDisk(), []);
    await eventually(() => shown.size === 0);
  });

  it('a rating of a rationale stands on its row, says its verdict, and what it is about', async () => {
    await ratings.rate(file, rowKey(2), RATIONALE, { verdict: 'leaks', note: 'says it outright' });
    const comment = await only(2); // by the watcher of the sidecar: nothing told the threads
    assert.deepEqual([comment.contextValue, comment.label], ['rating', 'leaks the answer']);
    assert.ok(`${comment.author.name}\n${comment.body}`.includes('Two and two are four, so the answer is 4.'));
    assert.ok(String(comment.body).startsWith('says it outright'));
  });

  it('editing it edits its note alone: verdict and rationale stay', async () => {
    const comment = await only(2);
    await threads.edit(comment);
    assert.deepEqual([comment.body, comment.mode], ['says it outright', vscode.CommentMode.Editing]);
    comment.body = 'it says it outright ';
    await threads.save(comment);
    const [rating, ...more] = ratingsOnDisk();
    assert.deepEqual(more, []);
    const { rowKey: key, rationale, verdict, note } = rating!;
    assert.deepEqual([key, rationale, verdict, note], [rowKey(2), RATIONALE, 'leaks', 'it says it outright']);
    await eventually(() => String(on(2)[0]?.body).startsWith('it says it outright'));
  });

  it('deleting it takes the whole rating out of the sidecar, and its thread away', async () => {
    await threads.remove(await only(2));
    assert.deepEqual(ratingsOnDisk(), []);
    await eventually(() => shown.size === 0);
  });

  it('one that is being edited stays as it is while the sidecars change, and what was typed is not lost with it', async () => {
    await notes.add(file, rowKey(2), 'to be edited');
    const comment = await only(2);
    await threads.edit(comment);
    comment.body = 'half a thou';
    await ratings.rate(file, rowKey(0), 'of another row', { verdict: 'useful' });
    await eventually(() => on(0).length > 0);
    await notes.add(file, rowKey(2), 'from another window');
    await eventually(() => on(2).length === 2);
    const kept = on(2).find(({ mode }) => mode === vscode.CommentMode.Editing);
    assert.equal(kept, comment, 'the object VS Code knows: another one would close its editor');
    assert.equal(comment.body, 'half a thou');
    // Deleted elsewhere, then saved here.
    const [own] = (await notes.of(file)).filter(({ text }) => text === 'to be edited');
    await notes.remove(file, own!.id);
    await eventually(async () => (await notes.of(file)).length > 0 && on(2).length === 2);
    await threads.save(comment);
    const [message, copy] = errors.at(-1)!;
    assert.match(message, /This note is not there any more/);
    await copy?.run();
    assert.equal(await vscode.env.clipboard.readText(), 'half a thou');
    assert.deepEqual(
      on(2).map(({ body }) => body),
      ['from another window'],
      'VS Code has closed the editor: what is gone is gone',
    );
    for (const { id, rowKey: of } of await notes.of(file)) if (of === rowKey(2)) await notes.remove(file, id);
    await ratings.rate(file, rowKey(0), 'of another row', { verdict: null, note: '' });
    await eventually(() => on(0).length === 0 && on(2).length === 0);
  });

  it('one that could not be saved says again what is stored, and can be edited and deleted', async () => {
    await notes.add(file, rowKey(2), 'as it is stored');
    const comment = await only(2);
    await threads.edit(comment);
    comment.body = 'as it was typed';
    const stored = readFileSync(notesFile(file), 'utf8');
    const told = errors.length;
    writeFileSync(notesFile(file), '{');
    await eventually(() => errors.length > told); // by the watcher
    await threads.save(comment);
    const [message, copy] = errors.at(-1)!;
    assert.match(message, /threads\.jsonl\.notes\.json/);
    assert.equal(copy?.title, 'Copy the Note', 'it is said once, with what was typed');
    await copy?.run();
    assert.equal(await vscode.env.clipboard.readText(), 'as it was typed');
    writeFileSync(notesFile(file), stored);
    const again = await eventually(() => on(2).find(({ body }) => body === 'as it is stored'));
    assert.equal(again.mode, vscode.CommentMode.Preview);
    await threads.edit(again);
    assert.equal(again.mode, vscode.CommentMode.Editing);
    again.body = 'half a thou';
    await threads.remove(again); // its title bar is there while one edits
    assert.deepEqual(notesOnDisk(), []);
    assert.deepEqual(on(2), [], 'nor does what was typed bring it back');
  });

  it('what is no comment of a row does nothing to either sidecar', async () => {
    for (const stranger of [undefined, {}, { body: 'x', source: { kind: 'note' } }]) {
      await threads.edit(stranger);
      await threads.save(stranger);
      await threads.cancelEdit(stranger);
      await threads.remove(stranger);
    }
    assert.deepEqual([notesOnDisk(), ratingsOnDisk()], [[], []]);
  });

  it('a row with a rating alone that is corrected keeps the thread, which says so, and gets no sidecar of notes', async () => {
    rmSync(notesFile(file), { force: true });
    await ratings.rate(file, rowKey(2), RATIONALE, { verdict: 'wrong', note: '' });
    await only(2);
    const edit = new vscode.WorkspaceEdit();
    edit.replace(document.uri, document.lineAt(2).range, JSON.stringify({ question: 'c, corrected?', answer: '5' }));
    await vscode.workspace.applyEdit(edit);
    await document.save();
    await eventually(() => [...shown].some(({ label }) => label === 'Ratings of this row as it was'));
    assert.equal(on(2).length, 1);
    assert.equal(existsSync(notesFile(file)), false);
  });

  it('those of one sidecar are shown while the other cannot be read', async () => {
    await notes.add(file, rowKey(0), 'still here');
    writeFileSync(ratingsFile(file), '{');
    await eventually(() => on(2).length === 0 && on(0).length === 1);
    assert.equal(on(0)[0]?.body, 'still here');
    rmSync(ratingsFile(file));
  });

  it('a note that cannot be stored leaves the thread that was begun, and what was typed can be copied', async () => {
    let isGone = false;
    const thread = Object.create(begin(1), { dispose: { value: () => (isGone = true) } }) as vscode.CommentThread;
    writeFileSync(notesFile(file), '{');
    await threads.add({ thread, text: 'typed for minutes' });
    assert.equal(isGone, false);
    const [message, copy] = errors.at(-1)!;
    assert.match(message, /threads\.jsonl\.notes\.json/);
    assert.equal(copy?.title, 'Copy the Note');
    await copy?.run();
    assert.equal(await vscode.env.clipboard.readText(), 'typed for minutes');
    assert.equal(readFileSync(notesFile(file), 'utf8'), '{');
  });

  it('nor is what was typed lost when the dataset is gone by then', async () => {
    const gone = vscode.Uri.file(path.join(workspace(), 'gone.jsonl'));
    await threads.add({ thread: begin(0, gone), text: 'typed for hours' });
    const [, copy] = errors.at(-1)!;
    await copy?.run();
    assert.equal(await vscode.env.clipboard.readText(), 'typed for hours');
  });
});
