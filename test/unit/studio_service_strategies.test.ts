/** Questions asked under the tags of a run's reasoning strategies, spelled with ordinary tokens and as learned rows. */
import assert from 'node:assert/strict';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import type { EngineRequestError } from '../../src/extension/engine/engine_client.ts';
import type { RowReference, Weights } from '../../src/protocol/engine_rpc.ts';
import type { StrategyChoice } from '../../src/protocol/rationale_messages.ts';
import type { RationaleRecord } from '../../src/protocol/records.ts';
import { assertClose } from '../support/close.ts';
import { Studio, systemWorld } from '../support/studio_harness.ts';

const SEED = 7;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('studio service: questions under strategies', function () {
  this.timeout(120_000);
  let studio: Studio;
  let row: RowReference;
  /** Two updates of LaTRO with two strategies. */
  const runs: Record<string, string> = {};

  before(async () => {
    studio = await Studio.start();
    row = await studio.row('train.jsonl', 3);
    const settings = {
      text: { strategies: { count: 2, carrier: 'text' } },
      embedding: { strategies: { count: 2, carrier: 'embedding' } },
      'embedding, full': { strategies: { count: 2, carrier: 'embedding' }, trainable: { kind: 'full' } },
    };
    for (const [name, changes] of Object.entries(settings)) {
      const fixed = { steps: 2, checkpoints: { every: 1 }, seed: SEED, evaluation: { every: null, k: 0 } };
      const { runDirectory, ended } = await studio.train({ ...fixed, ...changes });
      assert.deepEqual((await ended).outcome, { type: 'ok' });
      runs[name] = runDirectory;
    }
  });
  after(() => studio.close());

  const weights = (runDirectory: string, checkpoint: string): Weights => ({ kind: 'run', runDirectory, checkpoint });
  const sample = (
    of: Weights,
    strategy: StrategyChoice | undefined,
    changes: { row?: RowReference; k?: number } = {},
  ) =>
    studio.client.request('sampleQuestion', {
      jobId: studio.nextJob(),
      weights: of,
      row,
      k: 4,
      temperature: 1,
      maxTokens: null,
      seed: SEED,
      strategy,
      ...changes,
    });
  const ownFigures = ({ tokens, answerTokens, selfReward, strategy }: RationaleRecord) => ({
    tokens,
    answerTokens,
    selfReward,
    strategy,
  });

  it('gives, under all of them, the very rationales that the run samples next', async () => {
    for (const [name, directory] of Object.entries(runs)) {
      const rollouts = await new RunDirectory(systemWorld.files, directory).rollouts(2);
      for (const rollout of rollouts) {
        const asked = await studio.row('train.jsonl', rollout.line);
        const { rationales } = await sample(weights(directory, 'step-1'), 'all', { row: asked });
        assert.deepEqual(
          rationales.map(({ strategy }) => strategy),
          [1, 1, 2, 2],
        );
        // The update of this question alone, not of all that the run takes together.
        const alone = rollout.rationales.map((each) => {
          const made = each.made!;
          return { ...each, weight: each.weight! * made.questions, made: { ...made, questions: 1 } };
        });
        assertClose(rationales, alone, 1e-4);
        assert.ok(rationales.some(({ weight }) => weight !== 0));
        assert.ok(
          rationales.some(({ klPenalty }) => klPenalty !== 0),
          name,
        );
      }
    }
  });

  it('takes the baseline within a strategy, or over all where one has a single rationale', async () => {
    const all = (await sample(weights(runs.text!, 'base'), 'all', { k: 3 })).rationales;
    assert.deepEqual(
      all.map(({ strategy }) => strategy),
      [1, 1, 2],
    );
    assertClose(all[2]!.baseline, mean([all[0]!.reward, all[1]!.reward]), 1e-9);
  });

  it('samples under one strategy, or none; another strategy or none is another text', async () => {
    for (const directory of Object.values(runs)) {
      const at = weights(directory, 'step-2');
      const [one, two, none] = [await sample(at, 1), await sample(at, 2), await sample(at, 'none')];
      assert.ok(one.rationales.every(({ strategy }) => strategy === 1));
      assert.ok(none.rationales.every(({ strategy }) => strategy === undefined));
      assert.deepEqual(await sample(at, undefined), none);
      const logProbs = [one, two, none].map(({ rationales }) => rationales[0]!.tokens[0]?.logProb);
      assert.equal(new Set(logProbs).size, 3, 'the tag is read');
    }
  });

  it('scores and traces a text under the strategy it was sampled under', async () => {
    for (const directory of Object.values(runs)) {
      const at = weights(directory, 'step-2');
      for (const rationale of (await sample(at, 2)).rationales) {
        const request = { weights: at, row, text: rationale.text, strategy: 2 };
        const scored = await studio.client.request('scoreRationale', { jobId: studio.nextJob(), ...request });
        assertClose(ownFigures(scored), ownFigures(rationale), 1e-4);
        const start = { ...request, weights: weights(directory, 'base') };
        const base = await studio.client.request('scoreRationale', { jobId: studio.nextJob(), ...start });
        assertClose(scored.referenceLogProb, base.logProb, 1e-4);
        assert.notEqual(scored.logProb, base.logProb);
        const { scores } = await studio.client.request('tracePrefixes', { jobId: studio.nextJob(), ...request });
        assertClose(scores.at(-1)!.logProb, rationale.selfReward, 1e-4);
      }
    }
  });

  it('refuses a strategy that the weights do not have', async () => {
    const plain: Weights = { kind: 'model', model: `${studio.folder}/model`, adapter: null };
    for (const [of, strategy] of [
      [weights(runs.text!, 'base'), 3],
      [plain, 'all'],
      [plain, 1],
    ] as const) {
      await assert.rejects(sample(of, strategy), (error: EngineRequestError) => {
        assert.equal(error.failure.code, 'bad-request');
        assert.match(error.failure.reason, /reasoning strategies/);
        return true;
      });
    }
  });
});
