import assert from 'node:assert/strict';
import { readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { eventually, soon } from '../support/eventually.ts';
import { RECORDED_RATIONALES, recordRun } from '../support/recorded_run.ts';
import { endEngine, extension, workspace } from './studio.ts';

describe('rollouts of a step', () => {
  let run: RunDirectory;
  const open = async (step: number): Promise<vscode.TextDocument> => {
    const uri = vscode.Uri.from({ scheme: 'latro-rollouts', path: `/${run.id}/step-${step}.latro-rollouts` });
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { preview: false });
    return document;
  };
  const lensesOf = (document: vscode.TextDocument): Promise<vscode.CodeLens[]> =>
    soon(
      async () => {
        const { uri } = document;
        const found = await vscode.commands.executeCommand<vscode.CodeLens[]>('vscode.executeCodeLensProvider', uri);
        return found.length > 0 && found;
      },
      () => `no lenses over ${document.getText()}`,
    );
  const rawFile = (lenses: readonly vscode.CodeLens[]): string => {
    const [raw] = titled(lenses, 'Raw file');
    const [uri] = raw!.command!.arguments as [vscode.Uri];
    return uri.fsPath;
  };
  const titled = (lenses: readonly vscode.CodeLens[], title: string): vscode.CodeLens[] =>
    lenses.filter(({ command }) => command?.title.endsWith(title));

  before(async () => {
    await extension().activate();
    run = new RunDirectory(new NodeFileSystem(), await recordRun(workspace()));
  });
  after(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    rmSync(run.path, { recursive: true });
    await endEngine();
  });

  it('are a document to read: each question with its rationales, best first, and what each earned', async () => {
    const document = await open(10);
    const text = document.getText();
    assert.equal(document.languageId, 'latro-rollouts');
    assert.equal(text.split('\n')[0], `Step 10 of run ${run.id}`);
    const rollouts = await run.rollouts(10);
    assert.ok(rollouts.length > 1);
    let from = 0;
    for (const { question, goldAnswer, line, rationales } of rollouts) {
      const start = text.indexOf(question, from);
      assert.ok(start > from, `${question} comes in its turn`);
      assert.ok(text.slice(from, start).includes(`line ${line} · gold answer ${goldAnswer}`));
      from = start;
      for (const rationale of rationales.toSorted((a, b) => b.reward - a.reward)) {
        const reward = rationale.reward.toFixed(2).replace('-', '−');
        const figures = text.indexOf(`answer ${rationale.extractedAnswer} · reward ${reward}`, from);
        assert.ok(figures > from, `sample ${rationale.sample} comes after those that earned more`);
        const words = rationale.text.split('\n').map((each) => `    ${each}`);
        assert.ok(text.indexOf(words.join('\n'), figures) > figures);
        from = figures;
      }
    }
    assert.equal(text.match(/^ {2}[✓✗] (right|wrong) /gm)?.length, rollouts.length * RECORDED_RATIONALES);
  });

  it('lead to the raw file, to the step before, and from each question to its row', async () => {
    const document = await open(10);
    const lenses = await lensesOf(document);
    assert.equal(rawFile(lenses), run.rolloutFile(10));
    assert.equal(titled(lenses, 'step 1').length, 1);
    const rollouts = await run.rollouts(10);
    const rows = titled(lenses, 'Show in the side panel');
    assert.equal(rows.length, rollouts.length);
    for (const [i, { range }] of rows.entries()) {
      assert.equal(document.lineAt(range.start.line + 1).text, rollouts[i]?.question);
    }
    const { command, arguments: [argument] = [] } = rows[1]!.command!;
    const { runId, step } = argument as { runId: string; step: number };
    assert.deepEqual([runId, step], [run.id, 10], 'the side panel shows this run and no newer one');
    await vscode.commands.executeCommand(command, argument);
    const editor = await eventually(() =>
      vscode.window.visibleTextEditors.find(({ document: { fileName } }) => path.basename(fileName) === 'train.jsonl'),
    );
    assert.equal(editor.selection.active.line + 1, rollouts[1]?.line);
  });

  it('are those of the nearest step that is kept where this one is not, and it says so', async () => {
    const document = await open(4);
    const lines = document.getText().split('\n');
    assert.equal(lines[0], 'The rollouts of step 4 are not kept. This is the nearest step that is: 1.');
    assert.equal(lines[2], `Step 1 of run ${run.id}`);
    assert.equal(rawFile(await lensesOf(document)), run.rolloutFile(1));
  });

  it('follow the run: steps that come, and steps that were rolled back and trained anew', async () => {
    const [missing, newest] = [await open(4), await open(10)];
    const rollouts = readFileSync(run.rolloutFile(10), 'utf8');
    // A run writes its record with every update, which is found even where the watcher has lost the event.
    const updated = () => utimesSync(run.recordFile, new Date(), new Date());
    for (const step of [4, 11]) rmSync(run.rolloutFile(step), { force: true }); // of an earlier try
    updated();
    await eventually(async () => titled(await lensesOf(newest), 'step 11').length === 0);
    for (const step of [4, 11]) {
      writeFileSync(run.rolloutFile(step), rollouts.replaceAll('"step":10', `"step":${step}`));
    }
    updated();
    await eventually(async () => titled(await lensesOf(newest), 'step 11').length === 1);
    await eventually(() => missing.getText().startsWith(`Step 4 of run ${run.id}`));
    writeFileSync(run.rolloutFile(10), rollouts.replaceAll('That makes', 'It comes to'));
    updated();
    await eventually(() => newest.getText().includes('It comes to') && !newest.getText().includes('That makes'));
    for (const step of [4, 11]) rmSync(run.rolloutFile(step));
    updated();
    await eventually(async () => titled(await lensesOf(newest), 'step 11').length === 0);
    await eventually(() => missing.getText().startsWith('The rollouts of step 4 are not kept.'));
  });
});
