import assert from 'node:assert/strict';
import { exactForkUpdate } from '../../src/engine/forking/gfpo.ts';
import { gfpo } from '../../src/engine/training/methods/gfpo.ts';
import { ssft } from '../../src/engine/training/methods/ssft.ts';
import { stratifiedLatro } from '../../src/engine/training/methods/stratified_latro.ts';
import { scoreForks } from '../../src/engine/training/methods/tagged_sampling.ts';
import type { RunConfig } from '../../src/protocol/run_config.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import {
  gradientOf,
  openStrategies,
  type StrategySetup,
  strategyConfig,
  TAGS,
  withTags,
  writeStrategyProject,
} from '../support/strategy_setup.ts';

function assertNear(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-4): void {
  assert.equal(actual.length, expected.length);
  const largest = Math.max(...Array.from(expected, Math.abs));
  assert(largest > 0, 'nothing to compare');
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    assert(difference <= tolerance * largest, `${i}: ${actual[i]} is not ${expected[i]}`);
  }
}

describe('methods with reasoning strategies', () => {
  const folder = temporaryFolder();
  let setup: StrategySetup;

  before(async () => {
    await writeStrategyProject(folder.path);
    setup = await openStrategies(strategyConfig(folder.path));
  });
  after(() => setup.policy.dispose());

  const configOf = (changes: Parameters<typeof strategyConfig>[1]): RunConfig => strategyConfig(folder.path, changes);
  const tagIds = (): readonly (readonly number[])[] => setup.policy.tags!.ids;
  /** The tag a continuation begins with. */
  const tagOf = (ids: readonly number[]): number => tagIds().findIndex((tag) => tag.every((id, at) => ids[at] === id));

  describe('ssft', () => {
    const config = (): RunConfig => configOf({ method: 'ssft', ssft: { traces: 3, prefixTokens: 6 } });

    it('learns every trace once, each under a tag of its own, with the tag itself at weight 0', async () => {
      const { groups, statistics } = await setup.update(ssft, { config: config() });
      const tokens = groups.flatMap(({ continuations }) => continuations.flatMap(({ predictions }) => predictions));
      assertNear([tokens.reduce((sum, { weight }) => sum + weight, 0)], [1], 1e-6);
      for (const { continuations } of groups) {
        assert.deepEqual(continuations.map(({ ids }) => tagOf(ids)).sort(), [0, 1, 2]);
        for (const { ids, predictions } of continuations)
          assert.equal(Math.min(...predictions.map(({ at }) => at)), tagIds()[tagOf(ids)]!.length);
      }
      const { matching, traces } = statistics.strategies!;
      assert.deepEqual(matching!.sources, ['a', 'b', 'c']);
      assert.equal(traces, 6);
      assert.deepEqual(
        matching!.counts.map((row) => row.reduce((a, b) => a + b)),
        [2, 2, 2],
      );
    });

    it('is the assignment of least cost: no other has traces that are likelier', async () => {
      const { groups, statistics } = await setup.update(ssft, { config: config() }, setup.rows.slice(0, 1));
      const [{ prompt, continuations }] = groups as [(typeof groups)[number]];
      const bodies = continuations.map(({ ids }) => ids.slice(tagIds()[tagOf(ids)]!.length));
      const cost = async (order: readonly number[]): Promise<number> => {
        const scores = await setup.policy.model.score([
          {
            prompt,
            continuations: bodies.map((body, j) => {
              const tag = tagIds()[order[j]!]!;
              const prefix = body.slice(0, 6);
              return {
                ids: [...tag, ...prefix],
                predictions: prefix.map((target, t) => ({ at: tag.length + t, target, weight: 1 })),
              };
            }),
          },
        ]);
        return -scores[0]!.flat().reduce((sum, value) => sum + value, 0) / 18;
      };
      const chosen = continuations.map(({ ids }) => tagOf(ids));
      const orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
      ];
      const costs = await Promise.all(orders.map(cost));
      const own = await cost(chosen);
      assert(own <= Math.min(...costs) + 1e-5, `${own} of ${costs}`);
      assertNear([statistics.strategies!.matching!.meanCost!], [own], 1e-4);
    });

    it('is the same update whatever the order of traces and of tags', async () => {
      const gradient = await gradientOf(setup.policy, await setup.update(ssft, { config: config() }));
      const rows = setup.rows
        .slice(0, 2)
        .map((row) => ({ ...row, goldRationales: [...row.goldRationales!].reverse() }));
      const reversed = await setup.update(ssft, { config: config() }, rows);
      assertNear(await gradientOf(setup.policy, reversed), gradient);
      const policy = withTags(setup.policy, [2, 0, 1]);
      const relabelled = await setup.update(ssft, { config: config(), policy });
      assertNear(await gradientOf(setup.policy, relabelled), gradient);
    });

    it('has its controls: no tag at all, and tags drawn anew at every step', async () => {
      const mixed = await setup.update(ssft, { config: configOf({ method: 'ssft', ssft: { matching: 'mixed' } }) });
      for (const { continuations } of mixed.groups)
        assert.deepEqual(
          continuations.map(({ ids }) => tagOf(ids)),
          [-1, -1, -1],
        );
      assert.equal(mixed.statistics.strategies!.matching, null);
      const random = configOf({ method: 'ssft', ssft: { matching: 'random' } });
      const seen = new Set<string>();
      for (const row of setup.rows) {
        const { groups } = await setup.update(ssft, { config: random }, [row]);
        const tags = groups[0]!.continuations.map(({ ids }) => tagOf(ids));
        assert.equal(new Set(tags).size, 3);
        seen.add(tags.join());
      }
      assert(seen.size > 1, 'always the same assignment');
    });

    it('finds its own traces where the dataset has none: right, different ones, and of them no more than asked for', async () => {
      const sampled = configOf({
        method: 'ssft',
        ssft: { source: 'sampled', traces: 2 },
        sampling: { rationalesPerQuestion: 8, maxRationaleTokens: 8, minRationaleTokens: 0 },
      });
      const { rollouts, groups, sources } = await setup.update(ssft, { config: sampled }, setup.rows);
      assert.equal(rollouts.length, setup.rows.length);
      assert.deepEqual(
        rollouts[0]!.rationales.map(({ strategy }) => strategy ?? null),
        [null, 1, 2, 3, null, 1, 2, 3],
      );
      groups.forEach(({ continuations }, i) => {
        const right = rollouts[sources[i]!]!.rationales.filter(({ correct }) => correct).length;
        assert(continuations.length <= Math.min(2, right));
      });
    });
  });

  describe('gfpo', () => {
    const settings = (form: 'exact' | 'sampled', changes: object = {}): RunConfig =>
      configOf({
        method: 'gfpo',
        gfpo: { form, entropyFloor: 0.95, entropyCoefficient: 0.5 },
        reward: { klCoefficient: 0.3 },
        ...changes,
      });

    for (const form of ['exact', 'sampled'] as const) {
      it(`${form}: weighs the tags' own tokens and nothing else; over the tags of a question they sum to 0`, async () => {
        const { groups } = await setup.update(gfpo, { config: settings(form) });
        for (const { continuations } of groups) {
          assert.equal(continuations.length, TAGS.count);
          continuations.forEach(({ ids, predictions }, tag) => {
            assert.deepEqual(ids, tagIds()[tag]!.slice(0, -1));
            assert.deepEqual(
              predictions.map(({ target }) => target),
              tagIds()[tag]!,
            );
            assert.deepEqual(
              predictions.map(({ at }) => at),
              [...tagIds()[tag]!.keys()],
            );
          });
          const weights = continuations.map(({ predictions }) => predictions[0]!.weight);
          assert(Math.abs(weights.reduce((a, b) => a + b)) < 1e-12);
          assert(weights.some((weight) => Math.abs(weight) > 1e-6));
        }
      });
    }

    it('exact: the gradient of the real model is the numeric gradient of J_g', async () => {
      const config = settings('exact');
      const update = await setup.update(gfpo, { config });
      const gradient = await gradientOf(setup.policy, update);
      const { rollouts } = update;
      const rewards = rollouts.map(({ rationales }) =>
        [1, 2, 3].map((n) => {
          const own = rationales.filter(({ strategy }) => strategy === n);
          return own.reduce((sum, { reward }) => sum + reward, 0) / own.length;
        }),
      );
      const questions = setup.rows.slice(0, 2).map((row) => setup.context.task.encoder.encode(row, 12));
      const { tags, model } = setup.policy;
      const reference = (await scoreForks(setup.policy.reference, questions, tags)).tagLogProbs;
      const objective = async (): Promise<number> => {
        const { tagLogProbs } = await scoreForks((groups) => model.score(groups), questions, tags);
        const each = tagLogProbs.map(
          (logProbs, q) =>
            exactForkUpdate(
              { tagLogProbs: logProbs, referenceTagLogProbs: reference[q]!, meanRewards: rewards[q]! },
              { beta: 0.3, entropyFloor: 0.95, entropyCoefficient: 0.5 },
            ).objective,
        );
        return (each[0]! + each[1]!) / 2;
      };
      // Along the gradient: J(θ + hd) − J(θ − hd) = 2h·∇J·d, and ∇L = −∇J.
      const norm = Math.hypot(...gradient);
      const values = [...model.parameters.values()];
      const move = (step: number): void => {
        let i = 0;
        for (const { data } of values) for (let j = 0; j < data.length; j++) data[j]! += (step * gradient[i++]!) / norm;
      };
      const slope = async (h: number): Promise<number> => {
        move(h);
        const up = await objective();
        move(-2 * h);
        const down = await objective();
        move(h);
        return (down - up) / (2 * h);
      };
      // Richardson: the error of order h² drops out.
      const [wide, narrow] = [await slope(0.01), await slope(0.005)];
      assertNear([(4 * narrow - wide) / 3], [norm], 2e-3);
    });

    it('a verifier gives 1 for a right answer and 0 for a wrong one', async () => {
      const config = settings('exact', { gfpo: { form: 'exact', reward: 'verifier' } });
      const { rollouts } = await setup.update(gfpo, { config }, setup.rows);
      for (const rationale of rollouts.flatMap(({ rationales }) => rationales))
        assert.equal(rationale.reward, Number(rationale.correct));
    });
  });

  describe('latro under stratified tags', () => {
    const config = (weighting: 'equal' | 'probability'): RunConfig =>
      configOf({
        method: 'latro',
        strategies: { ...TAGS, weighting },
        sftWeight: 0,
        reward: { klCoefficient: 0.1, truncationRule: 'none' },
      });

    it('samples every tag equally often, compares rationales within their tag, and leaves the tag alone', async () => {
      const { groups, rollouts, statistics } = await setup.update(stratifiedLatro, { config: config('equal') });
      for (const { rationales } of rollouts) {
        assert.deepEqual(
          rationales.map(({ strategy }) => strategy),
          [1, 1, 2, 2, 3, 3],
        );
        for (const n of [1, 2, 3]) {
          const own = rationales.filter(({ strategy }) => strategy === n);
          assert(Math.abs(own.reduce((sum, { advantage }) => sum + advantage!, 0)) < 1e-9);
        }
        assert(rationales.some(({ advantage }) => advantage !== 0));
      }
      for (const { ids, predictions } of groups.flatMap(({ continuations }) => continuations))
        assert(Math.min(...predictions.map(({ at }) => at)) >= tagIds()[tagOf(ids)]!.length);
      const { probabilities, entropy, perStrategy } = statistics.strategies!;
      assertNear([probabilities!.reduce((a, b) => a + b)], [1], 1e-9);
      assert(entropy! > 0 && entropy! <= Math.log(3));
      assert.deepEqual(
        perStrategy.map((one) => one!.rationales),
        [4, 4, 4],
      );
    });

    it('weighs a tag by 1/N or by its probability', async () => {
      const equal = await setup.update(stratifiedLatro, { config: config('equal') }, setup.rows.slice(0, 1));
      const own = await setup.update(stratifiedLatro, { config: config('probability') }, setup.rows.slice(0, 1));
      const p = own.statistics.strategies!.probabilities!;
      const first = (update: typeof own, tag: number): number[] =>
        update.groups[0]!.continuations.filter(({ ids }) => tagOf(ids) === tag).map(
          ({ predictions }) => predictions[0]!.weight,
        );
      for (const tag of [0, 1, 2])
        assertNear(
          first(own, tag),
          first(equal, tag).map((weight) => weight * 3 * p[tag]!),
          1e-6,
        );
    });
  });
});
