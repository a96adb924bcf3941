/** Whole runs with reasoning strategies: every method, and chains of them, resumed exactly; what they record of the strategies. */
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { systemClock } from '../../src/engine/common/clock.ts';
import { Cancelled } from '../../src/engine/common/errors.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { mean } from '../../src/engine/evaluate/statistics.ts';
import { entropyOf } from '../../src/engine/forking/diversity.ts';
import { logSoftmax } from '../../src/engine/forking/gfpo.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { type RunObserver, TrainingRun } from '../../src/engine/training/training_run.ts';
import type { StepMetrics } from '../../src/protocol/records.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { strategyConfig, TAGS, writeStrategyProject } from '../support/strategy_setup.ts';
import { SILENT, TINY_ENVIRONMENT } from '../support/tiny_run.ts';

const files = new NodeFileSystem();
const world = { files, clock: systemClock, processes: systemProcesses };
type Changes = Parameters<typeof strategyConfig>[1];

describe('runs with reasoning strategies', () => {
  const folder = temporaryFolder();
  before(() => writeStrategyProject(folder.path));

  const storeOf = (): RunStore => new RunStore(world, strategyConfig(folder.path).outputDirectory);
  const create = (changes: Changes): Promise<TrainingRun> =>
    TrainingRun.create(world, storeOf(), strategyConfig(folder.path, changes), TINY_ENVIRONMENT);
  async function straight(changes: Changes): Promise<RunDirectory> {
    const run = await create(changes);
    await run.execute(SILENT);
    return new RunDirectory(files, run.directory);
  }
  /** The same run, stopped and resumed after each of these updates. */
  async function interrupted(changes: Changes, stops: readonly number[]): Promise<RunDirectory> {
    let run = await create(changes);
    for (const done of stops) {
      const stop = new AbortController();
      const observer: RunObserver = {
        ...SILENT,
        signal: stop.signal,
        onProgress: (progress) => {
          if (progress.phase === 'training' && progress.done === done) stop.abort();
        },
      };
      await assert.rejects(run.execute(observer), Cancelled);
      run = await TrainingRun.resume(world, storeOf(), run.id, TINY_ENVIRONMENT, SILENT);
    }
    await run.execute(SILENT);
    return new RunDirectory(files, run.directory);
  }
  async function metrics(run: RunDirectory): Promise<StepMetrics[]> {
    return (await run.events()).records.flatMap((event) => (event.type === 'step' ? [event.metrics] : []));
  }

  const chain: Changes = {
    stages: [
      { method: 'ssft', steps: 2, learningRate: 0.02 },
      { method: 'latro', steps: 2 },
      { method: 'gfpo', steps: 2, questionsPerStep: 3, rationalesPerQuestion: 3 },
    ],
    reward: { klCoefficient: 0.2, truncationRule: 'none' },
    checkpoints: { every: 10, keep: 2 },
    steps: undefined,
  };
  const kinds: Record<string, Changes> = {
    'ssft on traces of the dataset': { method: 'ssft' },
    'ssft on its own traces': { method: 'ssft', ssft: { source: 'sampled' } },
    'its control random': { method: 'ssft', ssft: { matching: 'random' } },
    'its control mixed': { method: 'ssft', ssft: { matching: 'mixed' } },
    'gfpo, exact': { method: 'gfpo', reward: { klCoefficient: 0.2 } },
    'gfpo, sampled': { method: 'gfpo', gfpo: { form: 'sampled', advantage: 'group-normalised' } },
    'latro under every tag': { method: 'latro' },
    'learned rows as tags': { method: 'ssft', strategies: { count: 3, carrier: 'embedding' } },
    'three stages': chain,
    'three stages of full fine-tuning': { ...chain, trainable: { kind: 'full' } },
    'three stages with learned rows': { ...chain, strategies: { count: 3, carrier: 'embedding' } },
    'three stages with learned rows, all trained': {
      ...chain,
      strategies: { count: 3, carrier: 'embedding' },
      trainable: { kind: 'full' },
    },
  };
  for (const [what, changes] of Object.entries(kinds)) {
    it(`${what}: stopped and resumed, it is the run that was never stopped`, async () => {
      const whole = await straight(changes!);
      const { totalSteps, status } = await whole.record();
      assert.equal(status, 'finished');
      const steps = await metrics(whole);
      assert.equal(steps.length, totalSteps);
      assert(steps.every(({ gradientNorm }) => gradientNorm > 0) || what.includes('own traces'));
      // In a chain: within each stage and between two.
      const again = await interrupted(changes!, totalSteps === 3 ? [2] : [1, 2, 3, 5]);
      assert.deepEqual(await runFingerprint(files, again.path), await runFingerprint(files, whole.path));
    });
  }

  it('a stage begins like a run of its own: its method and settings, no KL to π_0 yet, AdamW without moments', async () => {
    const run = await straight(chain);
    const steps = await metrics(run);
    assert.equal(steps.length, 6);
    assert.deepEqual(
      steps.map(({ learningRate }) => learningRate),
      [0.02, 0.02, 0.01, 0.01, 0.01, 0.01],
    );
    const kls = await Promise.all(
      [3, 4, 5].map(async (step) => (await run.rollouts(step)).flatMap(({ rationales }) => rationales)),
    );
    assert(kls[0]!.every(({ klPenalty }) => klPenalty === 0));
    assert(kls[1]!.some(({ klPenalty }) => klPenalty !== 0));
    assert(
      kls[2]!.every(({ klPenalty }) => klPenalty === 0),
      'π_0 of gfpo is what latro ended with',
    );
    assert.equal(kls[2]!.length, 9);
    assert.deepEqual((await run.checkpoints.steps()).slice(0, 2), [2, 4]);
  });

  it('a later stage without the checkpoint that its π_0 is read from cannot be resumed, and says so', async () => {
    const run = await create(chain);
    const stop = new AbortController();
    const onProgress: RunObserver['onProgress'] = ({ phase, done }) => {
      if (phase === 'training' && done === 3) stop.abort();
    };
    await assert.rejects(run.execute({ ...SILENT, signal: stop.signal, onProgress }), Cancelled);
    const boundary = new RunDirectory(files, run.directory).checkpoints.directory(2);
    await rename(boundary, `${boundary}-moved`);
    const again = await TrainingRun.resume(world, storeOf(), run.id, TINY_ENVIRONMENT, SILENT);
    await expectLatroError(() => again.execute(SILENT), 'run-damaged', /step 2/);
  });

  describe('evaluates', () => {
    const test = { train: 'traces.jsonl', test: 'test.jsonl', holdOutFraction: 0 };
    const evaluation = { every: null, k: 6, maxTokens: 10, temperature: 1 };

    it('under every tag: own, pass@1, cons@k and maj@k from the same samples; the start before any tag is learned without', async () => {
      const run = await straight({ method: 'ssft', dataset: test, evaluation, steps: 2 });
      const base = (await run.evaluation('base-test'))!.strategies!;
      assert.equal(base.tagged, false);
      assert.deepEqual(base.perStrategy, []);
      for (const row of await run.evaluationRows('base-test')) {
        assert.equal(row.strategies!.untagged.length, 3 * 6);
        assert.equal(row.samples.length, 6);
      }
      const rows = await run.evaluationRows('step-000002-test');
      const summary = (await run.evaluation('step-000002-test'))!;
      const { tagged, perStrategy, tagInformation, consensusAccuracy, entropy } = summary.strategies!;
      assert.equal(tagged, true);
      assert.equal(perStrategy.length, 3);
      assert(consensusAccuracy !== null && consensusAccuracy >= 0 && consensusAccuracy <= 1);
      let information = 0;
      let forkEntropy = 0;
      for (const { strategies, greedy, samples } of rows) {
        const { outputs, tagLogProbs, own, untagged } = strategies!;
        assert.deepEqual(
          outputs.map((output) => output.samples.length),
          [6, 6, 6],
        );
        assert.equal(untagged.length, 0);
        assert.equal(own, tagLogProbs.indexOf(Math.max(...tagLogProbs)) + 1);
        assert.deepEqual(greedy, outputs[own - 1]!.greedy);
        // k/N = 2 samples of every tag vote.
        assert.deepEqual(
          samples,
          outputs.flatMap((output) => output.samples.slice(0, 2)),
        );
        for (const output of outputs) {
          const rewards = output.samples.map(({ answerLogProb }) => answerLogProb!);
          assert(Math.abs(mean(rewards) - output.answerLogProbSampled!) < 1e-9);
          assert.equal(output.greedy.answerLogProb, output.answerLogProbGreedy);
        }
        information += strategies!.tagInformation! / rows.length;
        forkEntropy += entropyOf(logSoftmax(tagLogProbs).map(Math.exp)) / rows.length;
      }
      assert(Math.abs(information - tagInformation!) < 1e-9);
      assert(tagInformation! <= Math.log(3) + 1e-9);
      assert(Math.abs(forkEntropy - entropy) < 1e-9);
    });

    it('the control without tags as plain samples, and a gfpo run under its tags from the start', async () => {
      const mixed = await straight({
        method: 'ssft',
        ssft: { matching: 'mixed' },
        dataset: test,
        evaluation,
        steps: 1,
      });
      assert.equal((await mixed.evaluation('step-000001-test'))!.strategies!.tagged, false);
      const forked = await straight({ method: 'gfpo', dataset: test, evaluation: { ...evaluation, k: 0 }, steps: 1 });
      const before = (await forked.evaluation('base-test'))!.strategies!;
      assert.equal(before.tagged, true);
      assert.equal(before.consensusAccuracy, null);
      assert.equal(before.tagInformation, null);
    });
  });

  describe('refuses', () => {
    const refuse = (changes: Changes, message: RegExp) =>
      expectLatroError(() => strategyConfig(folder.path, changes), 'config-invalid', message);
    const cases: [string, Changes, RegExp][] = [
      ['one strategy', { strategies: { count: 1 } }, /"strategies.count" is 1/],
      ['gfpo without strategies', { method: 'gfpo', strategies: { count: 0 } }, /"gfpo" needs reasoning strategies/],
      ['ssft without strategies', { method: 'ssft', strategies: { count: 0 } }, /"ssft" needs reasoning strategies/],
      ['a tag that does not differ', { strategies: { ...TAGS, tag: 'way' } }, /must contain \{n\}/],
      [
        'rationales that cannot be shared out',
        { sampling: { rationalesPerQuestion: 7 } },
        /"sampling.rationalesPerQuestion" is 7, .*multiple of 3 from 6 on/,
      ],
      ['too few for a baseline per tag', { sampling: { rationalesPerQuestion: 3 } }, /from 6 on/],
      ['votes that cannot be shared out', { evaluation: { k: 4 } }, /"evaluation.k" is 4/],
      ['a reward that all share', { method: 'gfpo', reward: { kind: 'jepo' } }, /"reward.kind" is "jepo"/],
      ['stages beside a method', { method: 'latro', ...chain }, /both "stages" and "method"/],
      ['stages beside steps', { ...chain, steps: 3 }, /both "stages" and "steps"/],
      [
        'a stage that cannot be',
        { ...chain, stages: [{ method: 'latro', steps: 1, rationalesPerQuestion: 4 }] },
        /is 4/,
      ],
    ];
    for (const [what, changes, message] of cases) it(what, () => refuse(changes, message));

    it('traces of a dataset that has none', async () => {
      const dataset = { train: 'train.jsonl', holdOutFraction: 0 };
      const run = await create({ method: 'ssft', ssft: { source: 'dataset' }, dataset });
      await expectLatroError(() => run.execute(SILENT), 'dataset-row', /Line \d+ has no list of rationales/);
    });
  });
});
