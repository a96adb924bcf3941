/**
 * Parity on sequences of 96 tokens: past `original_max_position_embeddings` (64) of tiny-llama3 and tiny-phi3, whose long rope switches
 * its factors there. The values come from fixtures/reference/long_context.py (transformers + PEFT, float64); the models from
 * LATRO_REFERENCE_DIR.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadAdapter } from '../../src/engine/model/adapter.ts';
import { readModelConfig } from '../../src/engine/model/config.ts';
import { KeyValueCache } from '../../src/engine/model/kv_cache.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { type PromptGroup, predictTokens } from '../../src/engine/model/packing.ts';
import { loadWeights } from '../../src/engine/model/weights.ts';
import { bindAdapter } from '../support/tiny_model.ts';

interface LongContext {
  /** (B, T) */
  readonly ids: number[][];
  /** (B, T−1), as are the log-probabilities: of the tokens from the second on. */
  readonly weights: number[][];
  readonly baseLogProbs: number[][];
  readonly adapterLogProbs: number[][];
  readonly adapterLoss: number;
  readonly adapterGradientNorms: Record<string, number>;
}

const ROOT = join(import.meta.dirname, '..', '..');
const FOLDER = resolve(process.env.LATRO_REFERENCE_DIR ?? join(ROOT, '..', 'shared', 'models'));
const REFERENCE = JSON.parse(
  readFileSync(join(ROOT, 'test', 'fixtures', 'reference', 'long_context.json'), 'utf8'),
) as Record<string, LongContext>;
const VALUES = 1e-4;
const GRADIENTS = 1e-3;
const DEVICE = { device: 'cpu', threads: 1 } as const;

/** ‖a − b‖ / ‖b‖. */
function relativeError(ours: readonly number[], reference: readonly number[]): number {
  assert.equal(ours.length, reference.length);
  const norm = (values: readonly number[]): number => Math.hypot(...values);
  return norm(ours.map((value, i) => value - reference[i]!)) / norm(reference);
}

function report(model: string, quantity: string, error: number, limit: number): void {
  console.log(
    `      ${model.padEnd(16)} ${quantity.padEnd(32)} ${error.toExponential(2)} (limit ${limit.toExponential(0)})`,
  );
  assert.ok(error <= limit, `${model}: ${quantity} is off by ${error} (limit ${limit})`);
}

const groupsOf = ({ ids, weights }: LongContext): PromptGroup[] =>
  ids.map((sequence, row) => ({
    prompt: sequence.slice(0, 1),
    continuations: [
      {
        ids: sequence.slice(1),
        predictions: sequence.slice(1).map((target, at) => ({ at, target, weight: weights[row]![at]! })),
      },
    ],
  }));

/** As sampling does: a prefilled prompt of half the length, the rest scored on its cache, in a context known to become `length`. */
async function scoreOnCache(model: LanguageModel, ids: readonly number[][]): Promise<number[]> {
  const [length, half] = [ids[0]!.length, ids[0]!.length / 2];
  const cache = new KeyValueCache(model.config, ids.length);
  await model.extend(
    cache,
    ids.map((row) => row.slice(0, half)),
    length,
  );
  const fresh = ids.map((row) => row.slice(half));
  const scores = await model.scoreOnCache(
    cache,
    fresh,
    fresh.map((row) => row.length - 1),
    length,
  );
  return scores.flat();
}

describe('parity with PyTorch past the original context length', () => {
  for (const [name, reference] of Object.entries(REFERENCE)) {
    it(name, async function () {
      const folder = join(FOLDER, name);
      if (!existsSync(folder)) {
        console.log(`      skipped: there is no ${folder} (set LATRO_REFERENCE_DIR)`);
        this.skip();
      }
      const config = await readModelConfig(folder);
      const weights = await loadWeights(folder, config);
      const groups = groupsOf(reference);
      const base = new LanguageModel(config, weights, null, 'nothing', DEVICE);
      const scores = (await base.score(groups)).flat(2);
      report(name, 'log-probabilities', relativeError(scores, reference.baseLogProbs.flat()), VALUES);
      const half = reference.ids[0]!.length / 2;
      const onCache = reference.baseLogProbs.flatMap((row) => row.slice(half));
      report(name, 'on a cache', relativeError(await scoreOnCache(base, reference.ids), onCache), VALUES);
      await base.dispose();

      const adapter = bindAdapter(await loadAdapter(join(folder, 'adapter')));
      const model = new LanguageModel(config, weights, adapter, 'adapter', DEVICE);
      const step = await model.step(groups);
      report(name, 'with adapter', relativeError(step.scores.flat(2), reference.adapterLogProbs.flat()), VALUES);
      report(name, 'loss', relativeError([step.loss], [reference.adapterLoss]), VALUES);
      assert.deepEqual([...step.gradients.keys()].sort(), Object.keys(reference.adapterGradientNorms).sort());
      const worst = Math.max(
        ...[...step.gradients].map(([tensor, gradient]) => {
          const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
          return relativeError([norm], [reference.adapterGradientNorms[tensor]!]);
        }),
      );
      report(name, 'norms of gradients, worst', worst, GRADIENTS);
      await model.dispose();
    });
  }

  it('the switch of a long rope is at its original length, and matters', async function () {
    const folder = join(FOLDER, 'tiny-phi3');
    if (!existsSync(folder)) this.skip();
    const config = await readModelConfig(folder);
    assert.equal(config.rope.kind, 'longrope');
    const model = new LanguageModel(config, await loadWeights(folder, config), null, 'nothing', DEVICE);
    const ids = REFERENCE['tiny-phi3']!.ids[0]!.slice(0, 64);
    const group = {
      prompt: ids.slice(0, 1),
      continuations: [{ ids: ids.slice(1), predictions: predictTokens(ids.slice(1)) }],
    };
    const within = async (contextLength: number): Promise<number[]> =>
      (await model.score([group], { contextLength })).flat(2);
    assert.deepEqual(await within(64), await within(0));
    assert.ok(relativeError(await within(65), await within(64)) > 100 * VALUES);
    const beginning = REFERENCE['tiny-phi3']!.baseLogProbs[0]!.slice(0, 63);
    assert.ok(relativeError(await within(65), beginning) <= VALUES);
    await model.dispose();
  });
});
