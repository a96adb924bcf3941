/** Frozen matrices in 8 bits: what is rounded is known, and nothing else changes. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import fc from 'fast-check';
import { systemClock } from '../../src/engine/common/clock.ts';
import { Cancelled } from '../../src/engine/common/errors.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { readModelConfig } from '../../src/engine/model/config.ts';
import { generate } from '../../src/engine/model/generate.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { saveModelFolder } from '../../src/engine/model/model_folder.ts';
import { type PromptGroup, predictTokens } from '../../src/engine/model/packing.ts';
import { dequantise, isQuantised, quantise, quantisedWeights, scalesName } from '../../src/engine/model/quantise.ts';
import { loadWeights, type Weights } from '../../src/engine/model/weights.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { resolveWeights } from '../../src/engine/server/question_weights.ts';
import { currentEnvironment } from '../../src/engine/training/environment.ts';
import { TrainingRun } from '../../src/engine/training/training_run.ts';
import { devicesOf } from '../support/device_lists.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { bindAdapter, TINY_CONFIG, tinyAdapter, tinyWeights } from '../support/tiny_model.ts';
import { SILENT, tinyRunConfig, writeTinyProject } from '../support/tiny_run.ts';

const CPU = { device: 'cpu', threads: 1 } as const;
const INT8 = { ...CPU, precision: 'int8' } as const;

/** The matrices that an int8 model has, in float32. */
function rounded(weights: Weights): Weights {
  return new Map(
    [...weights].map(([name, tensor]) => {
      return [name, isQuantised(name) ? { ...tensor, data: dequantise(quantise(tensor)) } : tensor];
    }),
  );
}

function assertClose(actual: readonly number[], expected: readonly number[], tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => {
    const distance = Math.abs(value - expected[i]!);
    assert.ok(distance <= tolerance * (1 + Math.abs(expected[i]!)), `${what}[${i}]: ${value}, not ${expected[i]}`);
  });
}

const GROUPS: readonly PromptGroup[] = [
  {
    prompt: [3, 9, 4],
    ids: [
      [5, 6, 7, 8],
      [11, 3],
    ],
  },
  {
    prompt: [4],
    ids: [
      [12, 5, 5],
      [6, 9, 10],
    ],
  },
].map(({ prompt, ids }) => ({
  prompt,
  continuations: ids.map((one) => ({ ids: one, predictions: predictTokens(one, 0.3 - 0.1 * one.length) })),
}));

describe('matrices of 8 bits', () => {
  it('are off by half a step at the most', () =>
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 5, maxLength: 5 }), {
          minLength: 1,
          maxLength: 6,
        }),
        (rows) => {
          const data = Float32Array.from(rows.flat(), (value) => value / 1e5);
          const { scales, ...matrix } = quantise({ shape: [rows.length, 5], data });
          rows.forEach((row, r) => {
            assert.equal(scales[r], Math.fround(Math.fround(Math.max(...row.map(Math.abs)) / 1e5) / 127));
          });
          dequantise({ ...matrix, scales }).forEach((value, i) => {
            assert.ok(Math.abs(value - data[i]!) <= 0.5001 * scales[Math.floor(i / 5)]!, `${data[i]} became ${value}`);
          });
        },
      ),
    ));

  const weights = tinyWeights(4);
  const adapter = bindAdapter(tinyAdapter(4));
  const held = quantisedWeights(weights);
  const open = (recompute = false) =>
    [
      new LanguageModel(TINY_CONFIG, held, adapter, 'adapter', { ...INT8, recompute }),
      new LanguageModel(TINY_CONFIG, rounded(weights), adapter, 'adapter', { ...CPU, recompute }),
    ] as const;

  it('take a byte a number and a scale a row, and leave embedding and norms alone', () => {
    for (const [name, { shape, data }] of weights) {
      const tensor = held.get(name)!;
      assert.equal(tensor.data instanceof Int8Array, name.endsWith('_proj.weight'));
      if (!isQuantised(name)) assert.equal(tensor.data, data);
      else assert.deepEqual([tensor.data.length, held.get(scalesName(name))!.data.length], [data.length, shape[0]]);
    }
  });

  for (const recompute of [false, true]) {
    it(`score and train as the rounded matrices in float32 do${recompute ? ', recomputed too' : ''}`, async () => {
      const [int8, float32] = open(recompute);
      for (const policy of ['current', 'reference'] as const) {
        const expected = (await float32.score(GROUPS, { policy })).flat(2);
        assertClose((await int8.score(GROUPS, { policy })).flat(2), expected, 1e-5, policy);
      }
      const [actual, expected] = [await int8.step(GROUPS), await float32.step(GROUPS)];
      assertClose([actual.loss], [expected.loss], 1e-5, 'loss');
      for (const [name, gradient] of expected.gradients)
        assertClose([...actual.gradients.get(name)!], [...gradient], 1e-4, name);
      await int8.dispose();
      await float32.dispose();
    });
  }

  it('are not the matrices they were: the difference is seen, and small', async () => {
    const [int8] = open();
    const exact = new LanguageModel(TINY_CONFIG, weights, adapter, 'adapter', CPU);
    const [before, after] = [(await exact.score(GROUPS)).flat(2), (await int8.score(GROUPS)).flat(2)];
    const differences = before.map((value, i) => Math.abs(value - after[i]!));
    assert.ok(Math.max(...differences) > 1e-4, 'nothing was rounded');
    assert.ok(Math.max(...differences) < 0.2, `${differences}`);
    await int8.dispose();
    await exact.dispose();
  });

  it('sample near the scores, and the same whatever stands beside a rationale in the batch', async () => {
    const [int8] = open();
    const settings = {
      temperature: 1,
      topP: 1,
      topK: 0,
      maxTokens: 12,
      maxAnswerTokens: 0,
      stopTokenIds: new Set<number>(),
      maxRows: 64,
    };
    const requests = [3, 7, 12].map((id) => ({ prompt: [id, 4, 9], keys: [id, id + 100] }));
    const newDetector = () => ({ push: () => null });
    const together = await generate(int8, requests, settings, newDetector);
    for (const [i, request] of requests.entries()) {
      const [alone] = await generate(int8, [request], settings, newDetector);
      assert.deepEqual(
        alone!.samples.map(({ ids }) => ids),
        together[i]!.samples.map(({ ids }) => ids),
      );
      for (const [k, { ids, logProbs }] of together[i]!.samples.entries()) {
        assertClose([...alone!.samples[k]!.logProbs], [...logProbs], 1e-5, 'alone');
        const group = { prompt: request.prompt, continuations: [{ ids, predictions: predictTokens(ids) }] };
        const scored = (await int8.score([group])).flat(2);
        const mean = scored.reduce((sum, value, t) => sum + Math.abs(value - logProbs[t]!), 0) / scored.length;
        assert.ok(mean < 0.1, `${mean} nats a token`);
      }
    }
    await int8.dispose();
  });

  it('are for frozen matrices alone', () => {
    assert.throws(() => new LanguageModel(TINY_CONFIG, weights, adapter, 'adapter', INT8), /is float32 in a model/);
    assert.throws(
      () => new LanguageModel(TINY_CONFIG, held, null, 'nothing', { ...INT8, device: 'webgpu' }),
      /for the CPU/,
    );
  });
});

describe('a run with matrices of 8 bits', () => {
  const folder = temporaryFolder();
  const world = { files: new NodeFileSystem(), clock: systemClock, processes: systemProcesses };
  const place = currentEnvironment('cpu', 1, 'int8');
  const create = (at: string, changes = {}) => {
    const config = tinyRunConfig(at, { precision: 'int8', ...changes });
    return TrainingRun.create(world, new RunStore(world, config.outputDirectory), config, place);
  };

  it('says once what they cost, and goes on with them when it is resumed', async () => {
    await writeTinyProject(folder.path);
    const config = tinyRunConfig(folder.path, { precision: 'int8' });
    const store = new RunStore(world, config.outputDirectory);
    const said: string[] = [];
    const run = await TrainingRun.create(world, store, config, place);
    const stop = new AbortController();
    const observer = { ...SILENT, signal: stop.signal, onWarning: (message: string) => said.push(message) };
    await assert.rejects(
      run.execute({
        ...observer,
        onEvent: (event) => {
          if (event.type === 'checkpoint') stop.abort();
        },
      }),
    );
    assert.match(
      said.join(),
      /^int8 weights: perplexity [\d.]+ → [\d.]+ \([+−][\d.]+ %\) on 9 questions, log π off by/,
    );

    const resumed = await TrainingRun.resume(world, store, run.id, place, SILENT);
    await resumed.execute({ ...observer, signal: undefined });
    assert.equal(said.length, 1);
    const record = await (await store.find(run.id)).record();
    assert.equal(record.status, 'finished');
    const cost = record.roundingCost!;
    assert.ok(cost.tokens > 50 && cost.meanDifference > 0 && cost.meanDifference < 0.5, JSON.stringify(cost));
    assert.ok(Math.abs(cost.perplexity.int8 / cost.perplexity.float32 - 1) < 0.2, JSON.stringify(cost));
  });

  it('ends as failed, and names the question, when the model is broken', async () => {
    const at = join(folder.path, 'broken');
    await writeTinyProject(at);
    const model = join(at, 'model');
    const config = await readModelConfig(model);
    const weights = await loadWeights(model, config);
    weights.get('model.norm.weight')!.data[0] = Number.NaN;
    await saveModelFolder(join(at, 'nan'), model, weights, 'F32');
    const run = await create(at, { model: 'nan' });
    const error = await expectLatroError(() => run.execute(SILENT), 'non-finite');
    assert.match(error.reason, /on the question of line \d+/);
    assert.notEqual(error.nextStep, '');
    assert.equal((await new RunDirectory(world.files, run.directory).record()).status, 'failed');
  });

  it('stops when asked to, before what it costs is measured', async () => {
    const at = join(folder.path, 'stopped');
    await writeTinyProject(at);
    const run = await create(at);
    const said: string[] = [];
    const onWarning = (message: string) => said.push(message);
    await assert.rejects(run.execute({ ...SILENT, signal: AbortSignal.abort(), onWarning }), Cancelled);
    assert.deepEqual(said, []);
    const record = await new RunDirectory(world.files, run.directory).record();
    assert.deepEqual([record.status, record.roundingCost], ['stopped', undefined]);
  });

  it('is asked on the CPU, also where a graphics card has become the faster device', async () => {
    const at = join(folder.path, 'asked');
    await writeTinyProject(at);
    const run = await create(at);
    await run.execute(SILENT);
    const devices = devicesOf({ cpu: 100, webgpu: 900 });
    const weights = { kind: 'run', runDirectory: run.directory, checkpoint: 'step-3' } as const;
    const { policy } = await resolveWeights({ files: world.files, devices, threads: 1 }, weights);
    assert.deepEqual([policy.programs.device, policy.programs.precision], ['cpu', 'int8']);
  });
});
