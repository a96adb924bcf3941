import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import type { CommandServices } from '../../src/extension/commands/services.ts';
import { JobTracker } from '../../src/extension/engine/job_tracker.ts';
import { DatasetLenses } from '../../src/extension/inline/dataset_lenses.ts';
import { DatasetResults } from '../../src/extension/inline/dataset_results.ts';
import { DocumentIndexes } from '../../src/extension/inline/document_indexes.ts';
import { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import { listRuns } from '../../src/extension/tools/run_tools.ts';
import { JOB, Notifications } from '../support/engine_notifications.ts';
import { eventually } from '../support/eventually.ts';
import { RECORDED_RATIONALES, recordRun } from '../support/recorded_run.ts';
import { endEngine, extension, workspace } from './studio.ts';

/** Links of a hover may run these and nothing else. */
const OWN = ['latro.showRationales', 'latro.openRunDashboard', 'latro.compare'];

describe('results in the dataset', () => {
  const open = async (name: string) => {
    const document = await vscode.workspace.openTextDocument(path.join(workspace(), name));
    await vscode.window.showTextDocument(document);
    return document;
  };
  const whole = (document: vscode.TextDocument) => new vscode.Range(0, 0, document.lineCount, 0);
  const hints = (document: vscode.TextDocument) =>
    vscode.commands.executeCommand<vscode.InlayHint[]>(
      'vscode.executeInlayHintProvider',
      document.uri,
      whole(document),
    );
  let run: RunDirectory;

  before(async () => {
    await extension().activate();
    run = new RunDirectory(new NodeFileSystem(), await recordRun(workspace()));
  });
  after(async () => {
    rmSync(run.path, { recursive: true });
    await endEngine();
  });

  it('stand at the end of each row that a run knows, and of no other', async () => {
    const document = await open('train.jsonl');
    const found = await eventually(async () => {
      const all = await hints(document);
      return all.length > 0 && all;
    });
    const rollouts = await run.rollouts(10);
    assert.deepEqual(
      found.map(({ position }) => position.line),
      rollouts.map(({ line }) => line - 1),
    );
    for (const [n, { position, label }] of found.entries()) {
      assert.deepEqual(position, document.lineAt(position.line).range.end);
      const right = rollouts[n]!.rationales.filter(({ correct }) => correct).length;
      assert.match(String(label), new RegExp(`${right} of ${RECORDED_RATIONALES} right · [−\\d.]+ [▲▼] `));
      assert.ok(String(label).length <= 43, 'VS Code cuts longer ones');
    }
  });

  it('compare two evaluations of a test set, and link to them', async () => {
    const document = await open('test.jsonl');
    await eventually(async () => (await hints(document)).length > 0);
    const { range } = document.lineAt(0);
    const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
      'vscode.executeHoverProvider',
      document.uri,
      range.end,
    );
    const own = hovers.flatMap(({ contents }) => contents as vscode.MarkdownString[]);
    const plain = (text: string) => text.replaceAll('&nbsp;', ' ').replaceAll('\\', '');
    const content = own.find(({ value }) => plain(value).includes('mean self-reward'));
    assert.ok(content !== undefined);
    const [row] = await run.evaluationRows('step-000010-test');
    assert.ok(plain(content.value).includes(row!.greedy.text.split('\n')[0]!), 'the text of the answer');
    const rewards = row!.samples.map(({ answerLogProb }) => answerLogProb!);
    const nats = (value: number) => value.toFixed(2).replace('-', '−');
    const [best, worst] = [Math.max(...rewards), Math.min(...rewards)].map(nats);
    const shown = plain(content.value);
    assert.ok(shown.includes(`**Best of ${rewards.length} samples** ${best}`), shown);
    assert.ok(shown.includes(`**Worst of ${rewards.length} samples** ${worst}`), shown);
    assert.ok(shown.includes(`**Answer now** ${nats(row!.answerLogProbGreedy)}`), shown);
    assert.ok(shown.includes('in nats. It counts answer and template.'), shown);
    const links = [...content.value.matchAll(/\(command:([\w.]+)\?/g)].map(([, command]) => command);
    assert.deepEqual(links, OWN);
    assert.deepEqual(content.isTrusted, { enabledCommands: OWN });
    assert.ok(!content.supportHtml);
    const nothing = await vscode.commands.executeCommand<vscode.Hover[]>(
      'vscode.executeHoverProvider',
      document.uri,
      range.start.translate(0, 5),
    );
    assert.deepEqual(nothing, []);
  });

  it('are led by lenses: train, evaluate, preview, and how the last run did', async () => {
    const document = await open('test.jsonl');
    const lenses = await eventually(async () => {
      const all = await vscode.commands.executeCommand<vscode.CodeLens[]>(
        'vscode.executeCodeLensProvider',
        document.uri,
      );
      return all.length === 4 && all;
    });
    const commands = lenses.map(({ command }) => command?.command);
    assert.deepEqual(commands, ['latro.trainOnDataset', 'latro.evaluate', 'latro.previewPrompt', 'latro.compare']);
    const reference = (evaluation: string) => ({ runId: run.id, evaluation });
    const pair = { before: reference('base-test'), after: reference('step-000010-test') };
    assert.deepEqual(lenses[3]?.command?.arguments, [pair]);
    const summaries = await Promise.all(['base-test', 'step-000010-test'].map((name) => run.evaluation(name)));
    const [before, after] = summaries.map((summary) => `${(100 * summary!.greedyAccuracy).toFixed(1)} %`);
    assert.ok(lenses[3]?.command?.title.includes(`${before} → ${after} of`), lenses[3]?.command?.title);
  });

  it('say of a run that it is paused, as the status bar does: on disk it goes on', async () => {
    const document = await open('train.jsonl');
    const log = vscode.window.createOutputChannel('Test of lenses', { log: true });
    const runs = new RunsWatcher(workspace(), log);
    await runs.refresh();
    const indexes = new DocumentIndexes();
    const results = new DatasetResults(runs, runs.evaluationsFolder, log);
    const jobs = new JobTracker();
    const engine = new Notifications();
    jobs.follow(engine);
    const lenses = new DatasetLenses(indexes, results, jobs);
    const parts: vscode.Disposable[] = [log, runs, indexes, results, lenses];
    try {
      const how = async () => (await lenses.provideCodeLenses(document)).at(-1)?.command?.title;
      await eventually(async () => /step 10 of 10, finished/.test((await how()) ?? ''));
      let asked = 0;
      parts.push(lenses.onDidChangeCodeLenses(() => asked++));
      engine.send('jobChanged', { ...JOB, runId: run.id, state: 'paused' });
      assert.equal(asked, 1, 'VS Code is told to ask again');
      assert.match((await how()) ?? '', /step 10 of 10, paused/);
      const services = { runs, engine: { jobs } } as unknown as CommandServices;
      const listed = (await listRuns(services)) as { run: string; status: string }[];
      assert.equal(listed.find((each) => each.run === run.id)?.status, 'paused', 'and language models are told so');
    } finally {
      for (const part of parts) part.dispose();
    }
  });

  it('go with their row when it is edited, and come back with it', async () => {
    const document = await open('train.jsonl');
    const [first] = await hints(document);
    const edit = new vscode.WorkspaceEdit();
    edit.insert(document.uri, new vscode.Position(0, 0), '\n\n');
    await vscode.workspace.applyEdit(edit);
    await eventually(async () => (await hints(document))[0]?.position.line === 2);
    const change = new vscode.WorkspaceEdit();
    change.insert(document.uri, new vscode.Position(2, '{"question": "'.length), 'Now, ');
    await vscode.workspace.applyEdit(change);
    await eventually(async () => (await hints(document))[0]?.position.line === 3); // that row is another question now
    await vscode.commands.executeCommand('workbench.action.files.revert');
    await eventually(async () => {
      const [again] = await hints(document);
      return again?.position.line === 0 && String(again.label) === String(first?.label);
    });
  });

  it('can be turned off', async () => {
    const document = await open('train.jsonl');
    const section = vscode.workspace.getConfiguration('latro');
    await section.update('inlineResults', false, vscode.ConfigurationTarget.Workspace);
    await eventually(async () => (await hints(document)).length === 0);
    await section.update('inlineResults', undefined, vscode.ConfigurationTarget.Workspace);
  });

  it('have the exact prompt of the row under the cursor a click away', async () => {
    const document = await open('train.jsonl');
    const editor = await vscode.window.showTextDocument(document);
    editor.selection = new vscode.Selection(1, 0, 1, 0);
    await vscode.commands.executeCommand('latro.previewPrompt', document.uri);
    const preview = await eventually(() =>
      vscode.window.visibleTextEditors.find((each) => each.document.uri.scheme === 'latro-prompt'),
    );
    const text = preview.document.getText();
    assert.ok(text.includes('A box holds 6 pencils. How many pencils are in 7 boxes?'), text);
    assert.match(text, /answer y, 1 tokens/);
    assert.match(text, /The self-reward is the log-probability of the gold answer/);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });
});
