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
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(file));
    cursor.update();
    return cursor.current;
  };
  beforeEach(() => {
    cursor = new CursorQuestion();
  });
  afterEach(async () => {
    cursor.dispose();
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    for (const file of made.splice(0)) rmSync(file, { force: true });
  });

  const row = '{"question": "1 + 1?", "answer": "2"}\n';

  it('is the row of a dataset', async () => {
    const at = await lookAt('cursor.jsonl', row);
    assert.equal(at.kind === 'question' && at.question.row.question, '1 + 1?');
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
