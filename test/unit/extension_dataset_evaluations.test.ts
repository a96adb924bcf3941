/** Which of the evaluations on disk a dataset shows: those that can be read, the newest, and compared with their like. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { evaluationTime, RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { Emitter } from '../../src/extension/common/disposables.ts';
import { areOfSameQuestions, DatasetResults, pairOf, type Runs } from '../../src/extension/inline/dataset_results.ts';
import type { EvaluationSummary } from '../../src/protocol/records.ts';
import type { RunSummary } from '../../src/protocol/run_record.ts';
import { recordRun } from '../support/recorded_run.ts';
import { systemWorld } from '../support/studio_harness.ts';

const QUESTIONS = 4;

describe('evaluations of a dataset', () => {
  let folder: string;
  let run: RunDirectory;
  let runs: readonly RunSummary[];
  let warnings: string[];
  let results: DatasetResults;
  const file = (name: string) => path.join(folder, name);
  const changed = new Emitter<void>();

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'latro-evaluations-'));
    const rows = Array.from({ length: QUESTIONS }, (_, n) => JSON.stringify({ question: `${n}?`, answer: `${n}` }));
    for (const name of ['train.jsonl', 'test.jsonl']) await writeFile(file(name), `${rows.join('\n')}\n`);
    run = new RunDirectory(systemWorld.files, await recordRun(folder));
    runs = [...(await new RunStore(systemWorld, file('.latro/runs')).list()).runs];
    warnings = [];
    const log = { info() {}, warn: (message: string) => void warnings.push(message), error: assert.fail };
    const source: Runs = {
      get runs() {
        return runs;
      },
      directory: ({ directory }) => new RunDirectory(systemWorld.files, directory),
      onChanged: changed.event,
    };
    results = new DatasetResults(source, file('.latro/evaluations'), log);
  });
  afterEach(async () => {
    results.dispose();
    await rm(folder, { recursive: true });
  });

  const keys = async (name: string) => (await run.evaluationRows(name)).map(({ rowKey }) => rowKey);
  const shown = async () => {
    const history = await results.history(file('test.jsonl'));
    const found = await results.of(file('test.jsonl'), await keys('base-test'));
    return { now: history?.now?.name, before: history?.before?.name, rows: found.size };
  };
  /** As if a person had evaluated the same weights again. */
  async function evaluateAgain(name: string, as: string, change: Partial<EvaluationSummary> = {}): Promise<void> {
    const summary = await run.evaluation(name);
    await cp(run.evaluationFile(name, 'jsonl'), run.evaluationFile(as, 'jsonl'));
    await writeFile(run.evaluationFile(as, 'json'), JSON.stringify({ ...summary, name: as, ...change }));
  }

  it('are shown without those that are damaged or have lost their rows', async () => {
    assert.deepEqual(await shown(), { now: 'step-000010-test', before: 'base-test', rows: QUESTIONS });
    const newest = run.evaluationFile('step-000010-test', 'jsonl');
    const whole = await readFile(newest);
    await evaluateAgain('step-000010-test', 'step-000010-test-20261128-010101');
    await rm(run.evaluationFile('step-000010-test-20261128-010101', 'jsonl'));
    changed.fire();
    assert.deepEqual(await shown(), { now: 'step-000010-test', before: 'base-test', rows: QUESTIONS });
    await writeFile(newest, `${whole.subarray(0, 200).toString()}\n`);
    changed.fire();
    assert.deepEqual(await shown(), { now: 'base-test', before: undefined, rows: QUESTIONS });
    changed.fire();
    await shown();
    assert.deepEqual(
      warnings.map((warning) => /step-[\w-]+\.jsonl/.exec(warning)?.[0]),
      ['step-000010-test-20261128-010101.jsonl', 'step-000010-test.jsonl'],
      'each is told of once',
    );
    await rm(run.evaluationFile('base-test', 'jsonl'));
    changed.fire();
    assert.deepEqual(await shown(), { now: undefined, before: undefined, rows: 0 });
    const trained = await results.of(
      file('train.jsonl'),
      (await run.rollouts(10)).map(({ rowKey }) => rowKey),
    );
    assert.equal(trained.size, QUESTIONS, 'and its rollouts are there');
  });

  it('are compared over the same questions only, with the very two that are named', async () => {
    const history = async () => (await results.history(file('test.jsonl')))!;
    assert.ok(areOfSameQuestions(await history()));
    const reference = (evaluation: string) => ({ runId: run.id, evaluation });
    const pair = { before: reference('base-test'), after: reference('step-000010-test') };
    assert.deepEqual(pairOf(await history()), pair);
    const larger = 'step-000010-test-20261128-010101';
    await evaluateAgain('step-000010-test', larger, { questions: 512 });
    changed.fire();
    assert.equal((await history()).now?.name, larger);
    assert.ok(!areOfSameQuestions(await history()), '52 % of 200 questions is no beginning for 83 % of 512');
    await evaluateAgain('base-test', 'base-test-20261128-010101', { questions: 512 });
    await evaluateAgain('base-test', 'base-test-20261128-020202', { questions: 900 });
    changed.fire();
    assert.equal((await history()).before?.name, 'base-test-20261128-010101', 'the one of as many questions');
    assert.ok(areOfSameQuestions(await history()));
  });

  it('are as new as their names say, also those of one second', async () => {
    const names = [
      'm-a',
      ...['m-a-20261128-010101', 'm-a-20261128-010101-2', 'm-a-20261128-010101-10', 'm-a-20261128-010102'],
    ];
    const byTime = (a: string, b: string) => evaluationTime(a).localeCompare(evaluationTime(b));
    assert.deepEqual([...names].reverse().sort(byTime), names);
    const before = runs;
    runs = [];
    const outside = file('.latro/evaluations');
    await mkdir(outside, { recursive: true });
    const summary = await run.evaluation('base-test');
    for (const name of names) {
      await cp(run.evaluationFile('base-test', 'jsonl'), path.join(outside, `${name}.jsonl`));
      await writeFile(path.join(outside, `${name}.json`), JSON.stringify({ ...summary, name }));
      changed.fire();
      assert.equal((await results.history(file('test.jsonl')))?.now?.name, name);
    }
    runs = before;
    await evaluateAgain('step-000010-test', 'step-000010-a-20261128-010101-2');
    await evaluateAgain('step-000010-test', 'step-000010-a-20261128-010101');
    changed.fire();
    assert.equal((await shown()).now, 'step-000010-a-20261128-010101-2', 'in a run too');
  });
});
