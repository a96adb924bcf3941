/** JSON documents as evaluation sets of the Testing view. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { CommandServices } from '../../src/extension/commands/services.ts';
import { DatasetResults } from '../../src/extension/inline/dataset_results.ts';
import { Reporter } from '../../src/extension/reporter.ts';
import { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import { EvaluationTests } from '../../src/extension/testing/evaluation_tests.ts';
import { eventually } from '../support/eventually.ts';
import { recordJudged } from '../support/recorded_run.ts';
import { extension, workspace } from './studio.ts';

const judged = () => ({ before: false, after: true });

describe('evaluation sets that are JSON documents', () => {
  const disposables: vscode.Disposable[] = [];
  const inWorkspace = (name: string) => path.join(workspace(), name);
  const config = () => inWorkspace('other.latro.json');
  let controller: vscode.TestController;
  const item = (name: string) => controller.items.get(inWorkspace(name));

  before(async () => {
    await extension().activate();
    const questions = JSON.stringify([{ question: '1 + 1?', answer: '2' }]);
    for (const name of ['questions.json', 'test.json']) writeFileSync(inWorkspace(name), questions);
    controller = vscode.tests.createTestController('latro.json.test', 'test');
    const log = vscode.window.createOutputChannel('Test of JSON sets', { log: true });
    const runs = new RunsWatcher(workspace(), log);
    const results = new DatasetResults(runs, runs.evaluationsFolder, log);
    const services = { runs, reporter: new Reporter(log) } as unknown as CommandServices;
    disposables.push(new EvaluationTests(services, results, controller), results, runs, log);
    await runs.start();
    await controller.resolveHandler?.(undefined);
  });
  after(() => {
    for (const each of disposables) each.dispose();
    for (const name of ['questions.json', 'test.json', 'other.latro.json']) rmSync(inWorkspace(name), { force: true });
  });

  it('are those that a latro.json names, as long as it does, and no others', async () => {
    writeFileSync(config(), JSON.stringify({ dataset: { train: 'train.jsonl', test: 'questions.json' } }));
    await eventually(() => item('questions.json') !== undefined); // by the watcher
    assert.equal(item('test.json'), undefined, 'by its name it may be anything');
    writeFileSync(config(), JSON.stringify({ dataset: { train: 'train.jsonl' } }));
    await eventually(() => item('questions.json') === undefined);
  });

  it('are those that a run was evaluated on, with what the evaluation says', async () => {
    const recorded = await recordJudged(workspace(), inWorkspace('questions.json'), judged);
    await eventually(() => /of 1 questions right/.test(item('questions.json')?.description ?? ''));
    assert.equal(item('questions.json')?.children.size, 1);
    rmSync(recorded, { recursive: true });
    await eventually(() => item('questions.json') === undefined);
  });
});
