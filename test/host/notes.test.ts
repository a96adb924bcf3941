import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { formatById } from '../../src/engine/datasets/registry.ts';
import { checkRow } from '../../src/engine/datasets/row_check.ts';
import { noteAuthor } from '../../src/extension/notes/note_author.ts';
import { type NoteRecord, notesFile } from '../../src/extension/notes/notes_file.ts';
import { RowComment } from '../../src/extension/notes/row_comment.ts';
import { eventually } from '../support/eventually.ts';
import { extension, workspace } from './studio.ts';

describe('notes on rows', () => {
  let file: string;
  let document: vscode.TextDocument;
  let controller: vscode.CommentController;
  const notes = (): NoteRecord[] =>
    existsSync(notesFile(file)) ? JSON.parse(readFileSync(notesFile(file), 'utf8')).notes : [];
  const keyOf = (line: number) => checkRow(document.lineAt(line).text, line + 1, formatById('starter')).row?.rowKey;
  /** As VS Code does when a person writes into the box that the gutter opened. */
  const write = async (line: number, text: string) => {
    const thread = controller.createCommentThread(document.uri, new vscode.Range(line, 0, line, 0), []);
    await vscode.commands.executeCommand('latro.addNote', { thread, text });
  };

  before(async () => {
    await extension().activate();
    controller = vscode.comments.createCommentController('test', 'test');
    file = path.join(workspace(), 'noted.jsonl');
    const rows = ['a?', 'b?', 'c?'].map((question) => JSON.stringify({ question, answer: '1' }));
    writeFileSync(file, `${rows.join('\n')}\n`);
    document = await vscode.workspace.openTextDocument(file);
    await vscode.window.showTextDocument(document);
  });
  after(async () => {
    controller.dispose();
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    for (const name of [file, notesFile(file)]) rmSync(name, { force: true });
  });

  it('go into the sidecar under the content of their row', async () => {
    await write(1, 'Is this right?');
    const [note] = await eventually(() => notes().length === 1 && notes());
    assert.deepEqual([note?.rowKey, note?.text], [keyOf(1), 'Is this right?']);
  });

  it('name who wrote them as git does, else by the account, and nobody where that is root', async () => {
    const { uid, username } = userInfo();
    const account = uid === 0 ? '' : username;
    const repository = mkdtempSync(path.join(tmpdir(), 'latro-author-'));
    const dataset = path.join(repository, 'train.jsonl');
    const enable = (value: true | undefined) =>
      vscode.workspace.getConfiguration('git').update('enabled', value, vscode.ConfigurationTarget.Workspace);
    assert.equal(await noteAuthor(dataset), account, 'without git');
    try {
      for (const args of [
        ['init', '--quiet'],
        ['config', 'user.name', 'Ada Lovelace'],
      ]) {
        execFileSync('git', args, { cwd: repository });
      }
      await enable(true);
      assert.equal(await eventually(async () => (await noteAuthor(dataset)) === 'Ada Lovelace'), true);
    } finally {
      await enable(undefined);
      rmSync(repository, { recursive: true });
    }
    const note = { id: 'n', rowKey: 'r', text: 'mine', author: '', time: new Date().toISOString() };
    assert.equal(new RowComment(file, { kind: 'note', note }).author.name, 'Note');
  });

  it('are refused where there is no row', async () => {
    await write(3, 'Nothing here');
    assert.equal(notes().length, 1);
  });

  it('stay in the sidecar as they are when other rows are deleted, and go with their own row when it is corrected', async () => {
    const [before] = notes();
    const edit = new vscode.WorkspaceEdit();
    edit.delete(document.uri, new vscode.Range(0, 0, 1, 0));
    await vscode.workspace.applyEdit(edit);
    await document.save();
    assert.deepEqual(notes(), [before]);
    assert.equal(keyOf(0), before?.rowKey);
    const correction = new vscode.WorkspaceEdit();
    const answer = document.lineAt(0).text.indexOf('"1"');
    correction.replace(document.uri, new vscode.Range(0, answer, 0, answer + 3), '"2"');
    await vscode.workspace.applyEdit(correction);
    await document.save();
    const now = keyOf(0);
    assert.notEqual(now, before?.rowKey);
    await eventually(() => notes()[0]?.rowKey === now);
    assert.equal(notes().length, 1);
  });
});
