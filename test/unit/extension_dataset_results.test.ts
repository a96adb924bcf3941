import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { formatById } from '../../src/engine/datasets/registry.ts';
import { checkRow } from '../../src/engine/datasets/row_check.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { Emitter } from '../../src/extension/common/disposables.ts';
import { DatasetResults, type RowDetail, type Runs } from '../../src/extension/inline/dataset_results.ts';
import {
  bestAndWorst,
  type EvaluationFigures,
  type RowAnswers,
  rowResult,
  shownRationales,
} from '../../src/extension/inline/row_result.ts';
import type { RunSummary } from '../../src/protocol/run_record.ts';
import { Studio, systemWorld } from '../support/studio_harness.ts';

const answers = (solved: boolean): RowAnswers => ({
  updates: 0,
  right: 0,
  votes: 1,
  solved,
  meanReward: -1,
  made: null,
  greedy: null,
});

/** Rewards of what the hover shows. */
function shownOf(detail: RowDetail | null) {
  const { rationales } = detail!;
  assert.ok(rationales.kind === 'samples' || rationales.kind === 'rollout', rationales.kind);
  return { kind: rationales.kind, shown: rationales.shown.map(({ selfReward }) => selfReward) };
}

describe('result of a row', () => {
  it('names what changed, and nothing where all is well', () => {
    const outcome = (before: boolean | null, now: boolean) =>
      rowResult('evaluation', answers(now), before === null ? null : answers(before)).outcome;
    assert.deepEqual([outcome(false, true), outcome(true, false)], ['fixed', 'broken']);
    assert.deepEqual([outcome(false, false), outcome(null, false)], ['unsolved', 'unsolved']);
    assert.deepEqual([outcome(true, true), outcome(null, true)], [null, null]);
  });

  it('shows the best and the worst rationale, each once', () => {
    const rationales = [-3, -1, -2].map((selfReward) => ({
      text: '',
      selfReward,
      extractedAnswer: null,
      correct: false,
    }));
    const rewards = (n: number) => bestAndWorst(rationales.slice(0, n)).map(({ selfReward }) => selfReward);
    assert.deepEqual([rewards(0), rewards(1), rewards(2), rewards(3)], [[], [-3], [-1, -3], [-1, -3]]);
  });
});

describe('rationales of a row', () => {
  const output = (answerLogProb?: number) => ({
    text: String(answerLogProb),
    extractedAnswer: '1',
    correct: true,
    tokens: 1,
    finished: true,
    ...(answerLogProb === undefined ? {} : { answerLogProb }),
  });
  const row = (samples: EvaluationFigures['samples']): EvaluationFigures => {
    const figures = { greedy: output(-1), answerLogProbGreedy: -1, answerLogProbSampled: null };
    return { rowKey: 'a', line: 1, samples, ...figures };
  };
  const rationale = {
    text: 'sampled in training',
    extractedAnswer: null,
    correct: false,
    selfReward: -5,
    answerLogProb: -5,
    templateLogProb: -1,
    answerTokens: [{ id: 1, text: '7', part: 'answer' as const, logProb: -5, logProbWithoutRationale: null }],
  };
  const rollout = { step: 3, rowKey: 'a', rationales: [rationale] };

  it('are the best and the worst sample of the evaluation, also where training sampled the row too', () => {
    const found = shownRationales(row([output(-3), output(-1), output(-2)]), rollout);
    assert.equal(found.kind, 'samples');
    assert.deepEqual(found.kind === 'samples' && [found.count, ...found.shown.map(({ text }) => text)], [
      3,
      '-1',
      '-3',
    ]);
  });

  it('are those of training where the evaluation has none, and otherwise say why there are none', () => {
    const made = { kind: 'log-probability', over: 'answer', subtractNoRationale: false };
    assert.deepEqual(shownRationales(null, rollout), { kind: 'rollout', count: 1, shown: [rationale], made });
    assert.equal(shownRationales(row([output()]), rollout).kind, 'rollout');
    assert.deepEqual(shownRationales(row([]), undefined), { kind: 'greedy-only' });
    assert.deepEqual(shownRationales(row([output(), output()]), undefined), { kind: 'no-rewards' });
  });
});

describe('results of a dataset, of a real run', function () {
  this.timeout(120_000);
  let studio: Studio;
  let runs: RunSummary[] = [];
  const changed = new Emitter<void>();
  const source: Runs = {
    get runs() {
      return runs;
    },
    directory: ({ directory }) => new RunDirectory(systemWorld.files, directory),
    onChanged: changed.event,
  };
  let results: DatasetResults;
  const file = (name: string) => path.join(studio.folder, name);
  /** Keys of all rows of a file. */
  const keysOf = async (name: string) => {
    const lines = (await readFile(file(name), 'utf8')).trim().split('\n');
    return lines.map((text, n) => checkRow(text, n + 1, formatById('starter')).row?.rowKey ?? '');
  };
  const refresh = async () => {
    runs = [...(await new RunStore(systemWorld, file('runs')).list()).runs];
    changed.fire();
  };

  before(async () => {
    studio = await Studio.start();
    results = new DatasetResults(source, file('evaluations'), { info() {}, warn: assert.fail, error: assert.fail });
  });
  after(() => studio.close());

  it('says nothing of a dataset that no run has read', async () => {
    assert.equal(await results.history(file('train.jsonl')), null);
    assert.equal((await results.of(file('train.jsonl'), await keysOf('train.jsonl'))).size, 0);
  });

  it('compares the evaluation after the run with the one before it', async () => {
    const { ended } = await studio.train({ steps: 6 });
    assert.deepEqual((await ended).outcome, { type: 'ok' });
    await refresh();
    const history = await results.history(file('test.jsonl'));
    assert.deepEqual([history?.before?.summary.checkpoint, history?.before?.updates], ['base', 0]);
    assert.ok((history?.now?.updates ?? 0) > 0);
    const [run] = runs;
    const rows = await source.directory(run!).evaluationRows(history!.now!.summary.name);
    const found = await results.of(file('test.jsonl'), await keysOf('test.jsonl'));
    assert.equal(found.size, 3);
    for (const row of rows) {
      const result = found.get(row.rowKey)!;
      assert.equal(result.from, 'evaluation');
      assert.equal(result.now.votes, row.samples.length);
      assert.equal(result.now.right, row.samples.filter(({ correct }) => correct).length);
      assert.equal(result.now.meanReward, row.answerLogProbSampled);
      assert.equal(result.now.made?.over, 'answer-and-template', 'an evaluation scores the whole of y');
      assert.equal(result.before?.updates, 0);
      const detail = await results.detail(file('test.jsonl'), row.rowKey);
      assert.equal(detail?.evaluated?.now.greedy.text, row.greedy.text);
      assert.equal(detail?.run?.id, run!.id);
      const rewards = row.samples.map(({ answerLogProb }) => answerLogProb!);
      assert.ok(Math.abs(rewards.reduce((a, b) => a + b) / rewards.length - row.answerLogProbSampled!) < 1e-9);
      assert.equal(row.greedy.answerLogProb, row.answerLogProbGreedy);
      const { kind, shown } = shownOf(detail);
      assert.deepEqual([kind, shown[0], shown.at(-1)], ['samples', Math.max(...rewards), Math.min(...rewards)]);
    }
  });

  it('shows the rollouts of trained rows, the newest against the first', async () => {
    const [run] = runs;
    const directory = source.directory(run!);
    const steps = await directory.rolloutSteps();
    const rollouts = (await Promise.all(steps.map((step) => directory.rollouts(step)))).flat();
    const found = await results.of(file('train.jsonl'), await keysOf('train.jsonl'));
    const trained = new Set(rollouts.map(({ rowKey }) => rowKey));
    let compared = 0;
    for (const rowKey of trained) {
      const own = rollouts.filter((rollout) => rollout.rowKey === rowKey).sort((a, b) => a.step - b.step);
      const result = found.get(rowKey)!;
      const last = own.at(-1)!;
      assert.deepEqual([result.from, result.now.votes, result.now.updates], ['rollouts', 4, last.step - 1]);
      assert.equal(result.now.right, last.rationales.filter(({ correct }) => correct).length);
      const rewards = last.rationales.map(({ selfReward }) => selfReward);
      assert.ok(Math.abs(result.now.meanReward - rewards.reduce((a, b) => a + b) / 4) < 1e-9);
      const { kind, over, subtractNoRationale } = last.rationales[0]!.made!;
      assert.deepEqual(result.now.made, { kind, over, subtractNoRationale });
      assert.equal(result.before?.updates ?? null, own.length > 1 ? own[0]!.step - 1 : null);
      if (own.length > 1) compared++;
      const detail = await results.detail(file('train.jsonl'), rowKey);
      assert.deepEqual(shownOf(detail), { kind: 'rollout', shown: [Math.max(...rewards), Math.min(...rewards)] });
    }
    assert.ok(compared > 0, 'some were sampled more than once');
    // The others were held out of training, to choose the best checkpoint.
    const heldOut = [...found].filter(([rowKey]) => !trained.has(rowKey));
    assert.deepEqual([trained.size, heldOut.length], [6, 2]);
    assert.ok(heldOut.every(([, { from }]) => from === 'evaluation'));
  });

  it('shows an evaluation of a model outside all runs, until a run has results of its own', async () => {
    const evaluations = new DatasetResults({ ...source, runs: [] }, path.join(studio.folder, '.latro', 'evaluations'), {
      info() {},
      warn: assert.fail,
      error: assert.fail,
    });
    const weights = { kind: 'model' as const, model: file('model'), adapter: null };
    const request = { weights, dataset: file('test.jsonl'), format: 'auto' as const, questions: 2, k: 0 };
    const { summary } = await studio.client.request('evaluate', { jobId: studio.nextJob(), ...request });
    const history = await evaluations.history(file('test.jsonl'));
    assert.deepEqual([history?.run, history?.now?.summary], [null, summary]);
    const keys = await keysOf('test.jsonl');
    assert.deepEqual((await evaluations.detail(file('test.jsonl'), keys[0]!))?.rationales, { kind: 'greedy-only' });
    const found = [...(await evaluations.of(file('test.jsonl'), keys)).values()];
    assert.deepEqual(
      found.map(({ now, before }) => [now.votes, before]),
      [
        [1, null],
        [1, null],
      ],
    );
  });
});
