/** The bench counts rightly and compares rightly; how fast anything is, no test asks. */
import { strict as assert } from 'node:assert';
import { lineChart } from '../../scripts/bench/line_chart.ts';
import { comparison, type Report, table } from '../../scripts/bench/report.ts';
import { DEFAULT_SHAPES, randomWeights, shapeConfig } from '../../scripts/bench/shapes.ts';
import { benchModel, forwardProducts, leastDecodeSeconds, openStage, STAGES } from '../../scripts/bench/stages.ts';
import { median } from '../../scripts/bench/statistics.ts';
import { leastUpdateSeconds, newOptimizer, timedUpdate } from '../../scripts/bench/update.ts';
import type { TensorMap } from '../../src/engine/model/bound_tensors.ts';
import { parameterShapes } from '../../src/engine/model/config.ts';
import { KeyValueCache } from '../../src/engine/model/kv_cache.ts';

const FLOORS = { matmulGflops: 100, memoryGBs: 10 };

describe('bench', () => {
  it('knows the sizes of the published models', () => {
    const millions = DEFAULT_SHAPES.map((name) => {
      const sizes = [...parameterShapes(shapeConfig(name)).values()];
      return sizes.reduce((sum, size) => sum + size.reduce((product, one) => product * one, 1), 0) / 1e6;
    });
    assert.deepEqual(
      millions.map((value) => Number(value.toFixed(1))),
      [1.0, 25.8, 134.5, 494.0],
    );
  });

  it('counts the operations of a forward pass: two per weight of every matrix and token', () => {
    const config = shapeConfig('starter');
    const matrices = [...parameterShapes(config)].filter(([name]) => name.endsWith('_proj.weight'));
    const weights = matrices.reduce((sum, [, [rows, columns]]) => sum + rows! * columns!, 0);
    const head = config.vocabSize * config.hiddenSize;
    assert.equal(forwardProducts(config, 7, 0), 7 * 2 * weights);
    assert.equal(forwardProducts(config, 7, 3), 7 * 2 * weights + 3 * 2 * head);
    // One row is bound by memory, many are bound by products.
    assert.equal(leastDecodeSeconds(config, 1, FLOORS), (4 * (weights + head)) / 10e9);
    assert.equal(leastDecodeSeconds(config, 1000, FLOORS), (1000 * 2 * (weights + head)) / 100e9);
  });

  it('every stage of the starter shape runs, counts its tokens and pushes no more through the programs', async () => {
    const config = shapeConfig('starter');
    const model = benchModel(config, { device: 'cpu', threads: 1 });
    for (const name of STAGES) {
      const before = { ...model.programs.tokensRun };
      const stage = openStage(name, model);
      const { seconds, tokens } = await stage.round();
      await stage.dispose?.();
      assert.ok(seconds > 0 && tokens > 0, name);
      const ran = (program: keyof typeof before): number => model.programs.tokensRun[program] - before[program];
      const program = { prefill: 'extend', score: 'score', step: 'step' } as const;
      if (name === 'products64') assert.deepEqual(model.programs.tokensRun, before, 'the products alone');
      else if (name in program) assert.equal(ran(program[name as keyof typeof program]), tokens, name);
      else assert.equal(ran('decode'), tokens, name);
    }
    await model.dispose();
  });

  it('an update of the bench is timed phase by phase and changes the adapter', async () => {
    const model = benchModel(shapeConfig('starter'), { device: 'cpu', threads: 1 });
    const sizes = { questions: 2, rationales: 2, prompt: 5, rationale: 4, answer: 3 };
    const name = [...model.parameters.keys()].find((key) => key.includes('lora_B'))!;
    const { seconds, phases, overhead } = await timedUpdate(model, newOptimizer(model), sizes, 1, 512);
    const sum = Object.values(phases).reduce((total, phase) => total + phase, 0);
    assert.ok(Math.abs(sum - seconds) < 1e-6 + 0.01 * seconds, `${sum} ${seconds}`);
    assert.ok(overhead > 0 && overhead < 1);
    assert.ok(model.parameters.get(name)!.data.some((value) => value !== 0));
    assert.ok(leastUpdateSeconds(model, sizes, FLOORS) > 0);
    await model.dispose();
  });

  it('random weights are no constants and of the size that models start with', () => {
    const weights = randomWeights(shapeConfig('starter')) as TensorMap;
    const { data } = weights.get('model.layers.2.mlp.up_proj.weight')!;
    const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
    const deviation = Math.sqrt(data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length);
    assert.ok(Math.abs(mean) < 1e-3 && Math.abs(deviation - 0.02) < 1e-3, `${mean} ${deviation}`);
    assert.ok(weights.get('model.norm.weight')!.data.every((x) => x === 1));
  });

  it('compares two reports: above 1 is faster', () => {
    const stage = { tokensPerSecond: 100, shareOfFloor: 0.5, rounds: 3, peakMemoryGB: 1, floors: FLOORS };
    const update = { ...stage, seconds: 8, phases: { train: 8 }, overhead: 0.01 };
    const report = (speed: number): Report => ({
      machine: {
        processor: 'a',
        cores: 2,
        memoryGB: 8,
        system: 'linux',
        node: 'v20',
        onnxruntime: '1',
        device: 'cpu',
        precision: 'float32',
        threads: 2,
      },
      measured: '2026-01-01T00:00:00.000Z',
      floors: FLOORS,
      shapes: {
        starter: {
          step: { ...stage, tokensPerSecond: 100 * speed },
          update: { ...update, seconds: 8 / speed },
          peakMemoryGB: 1,
        },
      },
    });
    const lines = comparison(report(2), report(1)).split('\n');
    assert.match(lines.find((line) => line.startsWith('starter step'))!, / 2\.00 /);
    assert.match(lines.find((line) => line.startsWith('starter update'))!, / 2\.00 /);
    assert.match(table(report(1)), /update +8 s/);
  });

  it('charts hold every point', () => {
    const svg = lineChart({
      title: 'a',
      across: 'K',
      up: 'seconds',
      at: [2, 4, 8],
      series: [{ label: 's', values: [1, 2, 3.5] }],
    });
    assert.equal(svg.match(/<circle/g)?.length, 3);
    assert.match(svg, /^<svg [^>]*viewBox/);
  });

  it('the median', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
  });
});

describe('the reward of a rationale', () => {
  it('on the cache is the one from scratch within 1e-5, and ranks rationales alike', async () => {
    const model = benchModel(shapeConfig('starter'), { device: 'cpu', threads: 1 });
    const config = model.config;
    const ids = (count: number, seed: number): number[] =>
      Array.from({ length: count }, (_, i) => 3 + ((seed * 31 + i * 17) % (config.vocabSize - 3)));
    const rationales = Array.from({ length: 6 }, (_, k) => ids(5 + 2 * k, k));
    const [prompt, answer] = [ids(12, 50), ids(4, 70)];
    const cache = new KeyValueCache(config, rationales.length);
    const sequences = rationales.map((rationale) => [...prompt, ...rationale]);
    await model.extend(cache, sequences, 0);
    sequences.forEach((sequence, row) => {
      cache.truncate(row, sequence.length - 1);
    });
    const onCache = await model.scoreOnCache(
      cache,
      sequences.map((sequence) => [sequence.at(-1)!, ...answer]),
      sequences.map(() => answer.length),
      0,
    );
    const scratch = await model.score([
      {
        prompt,
        continuations: rationales.map((rationale) => ({
          ids: [...rationale, ...answer],
          predictions: answer.map((target, t) => ({ at: rationale.length + t, target, weight: 1 })),
        })),
      },
    ]);
    const rewards = (scores: readonly number[][]): number[] =>
      scores.map((row) => row.reduce((sum, value) => sum + value, 0));
    const [cached, alone] = [rewards(onCache), rewards(scratch[0]!)];
    const rank = (values: readonly number[]): number[] => [...values.keys()].sort((a, b) => values[b]! - values[a]!);
    cached.forEach((value, k) => {
      assert.ok(Math.abs(value - alone[k]!) < 1e-5, `${value} ${alone[k]}`);
    });
    assert.deepEqual(rank(cached), rank(alone));
    await model.dispose();
  });
});
