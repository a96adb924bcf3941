import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { eventually } from '../support/eventually.ts';
import { workspace } from './studio.ts';

describe('latro.json in the editor', () => {
  it('is checked against the schema: a mistake is underlined where it is', async () => {
    const file = path.join(workspace(), 'wrong.latro.json');
    const sampling = { rationalesPerQuestion: 1 };
    writeFileSync(file, JSON.stringify({ model: 'm', dataset: { train: 'train.jsonl' }, sampling }, null, 2));
    const document = await vscode.workspace.openTextDocument(file);
    await vscode.window.showTextDocument(document);
    const [problem] = await eventually(() => {
      const found = vscode.languages.getDiagnostics(document.uri);
      return found.length > 0 && found;
    });
    assert.match(document.lineAt(problem!.range.start.line).text, /rationalesPerQuestion/);
  });

  it('gives .jsonl files their language', async () => {
    const document = await vscode.workspace.openTextDocument(path.join(workspace(), 'train.jsonl'));
    assert.equal(document.languageId, 'jsonl');
  });
});
