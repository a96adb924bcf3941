import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { CursorQuestion } from '../../src/extension/rationales/cursor_question.ts';
import { workspace } from './studio.ts';

describe('the question under the cursor', () => {
  const made: string[] = [];
  let cursor: CursorQuestion;
  const lookAt = async (name: string, text: string) => {
    const file = path.join(workspace(), name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    made.push(file);
    // In a tab of its own: a preview would close what was open before.
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(file), { preview: false });
    cursor.update();
    return cursor.current;
  };
  beforeEach(() => {
    cursor = new CursorQuestion();
  });
  afterEach(async () => {
    cursor.dispose();
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    for (const file of made.splice(0)) rmSync(file, { force: true });
  });

  const row = '{"question": "1 + 1?", "answer": "2"}\n';

  it('is the row of a dataset', async () => {
    const at = await lookAt('cursor.jsonl', row);
    assert.equal(at.kind === 'question' && at.question.row.question, '1 + 1?');
  });

  it('stays what it was while something that is no dataset is in front', async () => {
    const at = await lookAt('cursor.jsonl', row);
    assert.equal(at.kind, 'question');
    const otherRow = '{"question": "2 + 2?", "answer": "4"}\n';
    assert.deepEqual(await lookAt(path.join('.latro', 'runs', 'r', 'rollouts', 'step-000002.jsonl'), otherRow), at);
    assert.deepEqual(await lookAt('cursor.jsonl.ratings.json', otherRow), at);
    assert.deepEqual(await lookAt('package.json', '{"name": "a-package", "version": "1.0.0"}\n'), at);
    const next = await lookAt('cursor2.jsonl', otherRow);
    assert.equal(next.kind === 'question' && next.question.row.question, '2 + 2?');
  });

  it('is that of a dataset beside what is in front, where nothing was followed yet: after a reload, say', async () => {
    await lookAt('cursor.jsonl', row);
    const file = path.join(workspace(), 'front.md');
    writeFileSync(file, 'notes');
    made.push(file);
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(file), vscode.ViewColumn.Beside);
    const fresh = new CursorQuestion();
    try {
      fresh.update();
      assert.equal(fresh.current.kind === 'question' && fresh.current.question.row.question, '1 + 1?');
    } finally {
      fresh.dispose();
    }
  });

  for (const name of [
    path.join('.latro', 'runs', 'r', 'rollouts', 'step-000001.jsonl'),
    'cursor.jsonl.notes.json',
    'cursor.jsonl.ratings.json',
  ]) {
    it(`is none in ${path.basename(name)}, which only looks like a dataset`, async () => {
      assert.deepEqual(await lookAt(name, row), { kind: 'none', why: 'no-dataset' });
    });
  }
});
