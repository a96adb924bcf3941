import assert from 'node:assert/strict';
import { createWriteStream, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { longestTurn } from '../support/event_loop.ts';
import { eventually } from '../support/eventually.ts';
import { extension, workspace } from './studio.ts';

const BAD_ROWS = [
  '{"question": "Sound?", "answer": "1"}',
  '{"question": "No answer?"}',
  '{"question": "Cut short", "answer": "3',
  '{"question": "A typo in the column?", "anser": "5"}',
  '{"question": "Hidden\u200b character?", "answer": "6"}',
  '[1, 2]',
];

describe('problems of rows', () => {
  const problems = (uri: vscode.Uri) => vscode.languages.getDiagnostics(uri).filter(({ source }) => source === 'LaTRO');
  const create = async (name: string, text: string) => {
    const file = path.join(workspace(), name);
    writeFileSync(file, text);
    const document = await vscode.workspace.openTextDocument(file);
    await vscode.window.showTextDocument(document);
    return document;
  };
  const fixesOf = (document: vscode.TextDocument, line: number) =>
    vscode.commands.executeCommand<vscode.CodeAction[]>(
      'vscode.executeCodeActionProvider',
      document.uri,
      document.lineAt(line).range,
      vscode.CodeActionKind.QuickFix.value,
    );

  before(() => extension().activate());
  afterEach(() => vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor'));

  it('are listed with their line, and mended by their quick fixes', async () => {
    const document = await create('bad.jsonl', BAD_ROWS.join('\n'));
    const listed = await eventually(() => problems(document.uri).length === 5 && problems(document.uri));
    assert.deepEqual(listed.map(({ range }) => range.start.line).sort(), [1, 2, 3, 4, 5]);
    // From the last row to the first, so that no fix moves the others; a row that is deleted takes its line with it.
    for (const line of [5, 4, 3, 2, 2, 1]) {
      const [fix] = await fixesOf(document, line); // the row that was cut short takes two: for its text and for its object
      assert.ok(fix?.edit !== undefined, `line ${line}`);
      await vscode.workspace.applyEdit(fix.edit);
    }
    const rows = document
      .getText()
      .split('\n')
      .filter((text) => text !== '');
    assert.deepEqual(
      rows.map((text) => JSON.parse(text)),
      [
        { question: 'Sound?', answer: '1' },
        { question: 'No answer?', answer: '' },
        { question: 'Cut short', answer: '3' },
        { question: 'A typo in the column?', answer: '5' },
        { question: 'Hidden character?', answer: '6' },
      ],
    );
    // What only a person knows is left to do.
    await eventually(() => problems(document.uri).length === 1);
    assert.equal(problems(document.uri)[0]?.range.start.line, 1);
  });

  it('move with their rows while one types above them', async () => {
    const document = await create('moving.jsonl', BAD_ROWS.slice(0, 2).join('\n'));
    await eventually(() => problems(document.uri).length === 1);
    const edit = new vscode.WorkspaceEdit();
    edit.insert(document.uri, new vscode.Position(0, 0), `${BAD_ROWS[0]}\n${BAD_ROWS[0]}\n`);
    await vscode.workspace.applyEdit(edit);
    await eventually(() => problems(document.uri)[0]?.range.start.line === 3);
    const [fix] = await fixesOf(document, 3);
    assert.match(fix?.title ?? '', /answer/);
  });

  it('are not looked for in files that are no datasets', async () => {
    const document = await create('other.jsonl', '{"level": "info"}\n{"level": "warn"\n');
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.deepEqual(problems(document.uri), []);
  });

  it('of a .json file of more than 4 MB are not looked for, which is said, with a command that converts it', async () => {
    const rows = Array.from({ length: 50_000 }, (_, n) => ({
      question: `${'word '.repeat(14)}${n}?`,
      answer: String(n),
    }));
    const document = await create('large.json', JSON.stringify(rows, null, 1));
    const [said] = await eventually(() => problems(document.uri).length === 1 && problems(document.uri));
    assert.deepEqual([said?.code, said?.severity], ['too-large', vscode.DiagnosticSeverity.Information]);
    const [fix] = await fixesOf(document, 0);
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
      'vscode.executeCodeLensProvider',
      document.uri,
    );
    const { command, arguments: values = [] } = fix!.command!;
    assert.ok(lenses.some((lens) => lens.command?.command === command));
    await vscode.commands.executeCommand(command, ...values);
    const converted = await eventually(() => vscode.window.activeTextEditor?.document.fileName.endsWith('large.jsonl'));
    assert.ok(converted);
    const { document: lines } = vscode.window.activeTextEditor!;
    assert.deepEqual(JSON.parse(lines.lineAt(49_999).text), rows[49_999]);
    assert.equal(lines.lineCount, 50_001);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    for (const name of ['large.json', 'large.jsonl']) rmSync(path.join(workspace(), name));
  });

  it('of a file too large for extensions are found all the same, and nothing stands still meanwhile', async function () {
    this.timeout(120_000);
    // Of no name that VS Code has just shown: it keeps what was closed in memory for minutes.
    const file = path.join(workspace(), 'very_large.jsonl');
    const stream = createWriteStream(file);
    const sound = `${JSON.stringify({ question: 'A question like many others, as long as they are: how many?', answer: '1' })}\n`;
    for (let n = 0; n < 60; n++) {
      if (!stream.write(sound.repeat(10_000))) await new Promise<void>((resolve) => stream.once('drain', resolve));
    }
    await new Promise<void>((resolve) => stream.end(`${BAD_ROWS[1]}\n`, resolve));
    assert.ok(statSync(file).size > 50 << 20);
    const uri = vscode.Uri.file(file);
    const { longest } = await longestTurn(async () => {
      await vscode.commands.executeCommand('workbench.action.closeAllEditors');
      await eventually(() => problems(uri).length === 0);
      await vscode.commands.executeCommand('vscode.open', uri);
      await eventually(() => problems(uri).length === 1);
    });
    assert.equal(problems(uri)[0]?.range.start.line, 600_000);
    console.log(`      ${longest.toFixed(1)} ms at the longest`);
    assert.ok(longest < 50, `the extension host stood still for ${longest.toFixed(0)} ms`);
  });
});
