import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import { StoredEvaluations } from '../../src/extension/runs/stored_evaluations.ts';
import { recordRun } from '../support/recorded_run.ts';
import { endEngine, extension, workspace } from './studio.ts';

describe('evaluations on disk', () => {
  const warnings: string[] = [];
  const log = { info() {}, warn: (line: string) => void warnings.push(line), error() {} };
  const outside = () => path.join(workspace(), '.latro', 'evaluations');
  const keep = (name: string, content: string) => writeFileSync(path.join(outside(), name), content);
  let run: string;
  let runs: RunsWatcher;
  let stored: StoredEvaluations;

  before(async () => {
    await extension().activate();
    run = await recordRun(workspace());
    mkdirSync(outside(), { recursive: true });
    runs = new RunsWatcher(workspace(), log);
    stored = new StoredEvaluations(runs, outside(), log);
  });
  after(async () => {
    runs.dispose();
    rmSync(run, { recursive: true });
    rmSync(outside(), { recursive: true });
    await endEngine();
  });

  it('are those of runs, from the base on, then those outside runs, the newest first', async () => {
    const of = (name: string) => readFileSync(path.join(run, 'evaluations', name), 'utf8');
    for (const name of ['small-test-20260101-120000', 'a-test-20260102-120000']) {
      keep(`${name}.json`, JSON.stringify({ ...JSON.parse(of('base-test.json')), name }));
      keep(`${name}.jsonl`, of('base-test.jsonl'));
    }
    const all = await stored.all();
    assert.deepEqual(
      all.map(({ reference }) => [reference.runId, reference.evaluation]),
      [
        [path.basename(run), 'base-test'],
        [path.basename(run), 'step-000010-test'],
        [null, 'a-test-20260102-120000'],
        [null, 'small-test-20260101-120000'],
      ],
    );
    const [base, , newest] = await stored.comparable(all);
    assert.equal(newest?.questions.size, base?.summary.questions);
    assert.deepEqual(newest?.questions, base?.questions);
    assert.deepEqual(await stored.rows(newest!), await stored.rows(base!));
  });

  it('that are not finished are left out, and one that is damaged is left out and named in the log', async () => {
    const before = (await stored.all()).length;
    keep('b-test-20260103-120000.jsonl', '');
    keep('c-test-20260104-120000.json', '{"name": "c"}');
    assert.equal((await stored.all()).length, before);
    assert.ok(warnings.some((line) => line.includes('c-test-20260104-120000')));
    await assert.rejects(stored.find({ runId: null, evaluation: 'b-test-20260103-120000' }), /not be finished/);
  });

  it('are read anew when they change', async () => {
    const reference = { runId: null, evaluation: 'a-test-20260102-120000' };
    const [full] = await stored.comparable([await stored.find(reference)]);
    const file = path.join(outside(), `${reference.evaluation}.jsonl`);
    const [first] = readFileSync(file, 'utf8').split('\n');
    keep(`${reference.evaluation}.jsonl`, `${first}\n${first}\n`);
    const [twice] = await stored.comparable([await stored.find(reference)]);
    assert.ok(full!.questions.size > 1);
    assert.deepEqual([...twice!.questions.values()], [2]);
  });

  it('are what their files are called, whatever name is written in them', async () => {
    const of = (extension: string) => readFileSync(path.join(run, 'evaluations', `base-test.${extension}`), 'utf8');
    const [first] = of('jsonl').split('\n');
    keep('baseline.json', JSON.stringify({ ...JSON.parse(of('json')), name: 'small-test-20260101-120000' }));
    keep('baseline.jsonl', `${first}\n`);
    const copy = await stored.find({ runId: null, evaluation: 'baseline' });
    const [comparable] = await stored.comparable([copy]);
    const rows = await stored.rows(copy);
    assert.deepEqual(
      rows.map(({ rowKey }) => rowKey),
      [...comparable!.questions.keys()],
    );
    assert.equal(rows.length, 1);
    assert.equal(copy.summary.name, 'baseline');
    keep('baseline.json', JSON.stringify({ ...JSON.parse(of('json')), name: '../../outside' }));
    assert.equal(
      (await stored.all()).some(({ reference }) => reference.evaluation === 'baseline'),
      false,
    );
    assert.ok(warnings.some((line) => line.includes('baseline')));
  });
});
