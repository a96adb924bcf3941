/** What is typed and not saved yet is what is trained with and evaluated on, from wherever it is started. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { CommandServices } from '../../src/extension/commands/services.ts';
import { trainingNow } from '../../src/extension/commands/training_plan.ts';
import { endEngine, extension, workspace } from './studio.ts';

describe('unsaved files', () => {
  /** Of each test its own: VS Code remembers the files that it showed. */
  let folder: string;
  /** Only what a folder without a config of its own needs is asked of them. */
  const services = () => ({ workspace: workspace(), runs: { folder: '/runs' } }) as unknown as CommandServices;
  const source = async (file: string) => (await trainingNow(services(), file)).source;

  before(() => extension().activate());
  beforeEach(() => {
    folder = mkdtempSync(path.join(workspace(), 'unsaved-'));
  });
  afterEach(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    rmSync(folder, { recursive: true });
  });
  after(endEngine);

  function write(name: string, text: string): string {
    const file = path.join(folder, name);
    writeFileSync(file, text);
    return file;
  }

  /** Types `text` over a part of the file. */
  async function type(at: string, part: string, text: string): Promise<vscode.TextDocument> {
    const document = await vscode.workspace.openTextDocument(at);
    await vscode.window.showTextDocument(document);
    const start = document.getText().indexOf(part);
    const range = new vscode.Range(document.positionAt(start), document.positionAt(start + part.length));
    const edit = new vscode.WorkspaceEdit();
    edit.replace(document.uri, range, text);
    await vscode.workspace.applyEdit(edit);
    assert.ok(document.isDirty);
    return document;
  }
  const assertSaved = (document: vscode.TextDocument, text: string) => {
    assert.ok(!document.isDirty, document.fileName);
    assert.ok(readFileSync(document.fileName, 'utf8').includes(text), document.fileName);
  };

  const ROW = `${JSON.stringify({ question: 'What is 3 and 4?', answer: '7' })}\n`;
  const config = (train: string) =>
    JSON.stringify({ model: 'm', dataset: { train, test: 'own-test.jsonl' }, steps: 10 });

  it('of a dataset that a latro.json trains on: it, the latro.json and the test questions', async () => {
    const train = write('own-train.jsonl', ROW);
    const [test, settings] = [write('own-test.jsonl', ROW), write('latro.json', config('own-train.jsonl'))];
    const typed = [await type(train, '7', '70'), await type(test, '7', '71'), await type(settings, '10', '12')];
    assert.deepEqual(await source(train), { kind: 'file', path: settings });
    for (const [n, text] of ['70', '71', '"steps":12'].entries()) assertSaved(typed[n]!, text);
  });

  it('of a latro.json that is named itself, and of its datasets', async () => {
    const [test, settings] = [write('own-test.jsonl', ROW), write('latro.json', config('own-train.jsonl'))];
    const typed = [await type(settings, '10', '12'), await type(test, '7', '71')];
    assert.deepEqual(await source(settings), { kind: 'file', path: settings });
    for (const [n, text] of ['"steps":12', '71'].entries()) assertSaved(typed[n]!, text);
  });

  it('of a latro.json as it stands in the editor, which may train on another file by now', async () => {
    const [train, settings] = [write('own-train.jsonl', ROW), write('latro.json', config('another.jsonl'))];
    await type(settings, 'another.jsonl', 'own-train.jsonl');
    assert.deepEqual(await source(train), { kind: 'file', path: settings });
  });

  it('trains where runs are listed, unless its latro.json names another folder', async () => {
    const [train, settings] = [write('own-train.jsonl', ROW), write('latro.json', config('own-train.jsonl'))];
    const overrides = async (file: string) => (await trainingNow(services(), file)).overrides;
    for (const file of [train, settings]) assert.deepEqual(await overrides(file), { outputDirectory: '/runs' });
    await type(settings, '"steps"', '"outputDirectory":"elsewhere","steps"');
    for (const file of [train, settings]) assert.deepEqual(await overrides(file), {});
  });

  it('of what a task evaluates on', async () => {
    const section = vscode.workspace.getConfiguration('latro');
    const model = (value: string | undefined) => section.update('model', value, vscode.ConfigurationTarget.Workspace);
    const before = section.inspect<string>('model')?.workspaceValue;
    await model('a-model');
    const typed = await type(write('own-test.jsonl', ROW), '7', '71');
    const tasks = await vscode.tasks.fetchTasks({ type: 'latro' });
    const task = tasks.find(({ definition }) => definition.file.endsWith('/own-test.jsonl'))!;
    const ended = new Promise<number | undefined>((resolve) => {
      const subscription = vscode.tasks.onDidEndTaskProcess(({ exitCode }) => {
        subscription.dispose();
        resolve(exitCode);
      });
    });
    await vscode.tasks.executeTask(task);
    assert.equal(await ended, 0);
    await model(before);
    assertSaved(typed, '71');
  });
});
