/**
 * Programs of precision float16 where products and their sums are float16: against float32 on the CPU and, where the reference models are,
 * against PyTorch's float64. onnxruntime (1.30) sums float16 products in float16 on WebGPU, so digits go with the width of a product: of
 * random matrices the sum over 512 numbers is off by 2e-3 to 3e-3 of it, over 4096 by 5e-3 to 9e-3.
 */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { adapterShapes, loadAdapter } from '../../src/engine/model/adapter.ts';
import { parameterShapes } from '../../src/engine/model/config.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { predictTokens } from '../../src/engine/model/packing.ts';
import { loadFrozenWeights } from '../../src/engine/model/weights.ts';
import { createOptimizer } from '../../src/engine/optimize/create_optimizer.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { currentEnvironment } from '../../src/engine/training/environment.ts';
import { TrainingRun } from '../../src/engine/training/training_run.ts';
import { DEVICE_UNDER_TEST, requireFloat16 } from '../support/devices_under_test.ts';
import { halfModel } from '../support/half_model.ts';
import { temporaryFolder, tinyConfig } from '../support/model_fixtures.ts';
import {
  openReference,
  REFERENCE_FOLDER,
  REFERENCE_MODELS,
  type Reference,
  relativeError,
} from '../support/reference_models.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { bindAdapter, tinyAdapter, tinyWeights } from '../support/tiny_model.ts';
import { SILENT, tinyRunConfig, writeTinyProject } from '../support/tiny_run.ts';

/** Relative 2-norms. Measured on Mesa's software driver: see the lines the test prints. */
const LOGITS = 2e-2;
const LOG_PROBABILITIES = 4e-3;
const GRADIENTS = 6e-2;

const REFERENCE_OPTIONS = { device: DEVICE_UNDER_TEST, threads: 1, precision: 'float16' } as const;
const CPU = { device: 'cpu', threads: 1 } as const;

function report(model: string, quantity: string, error: number, limit: number): void {
  console.log(`      ${model.padEnd(16)} ${quantity.padEnd(20)} ${error.toExponential(1)} (limit ${limit})`);
  assert.ok(error <= limit, `${model}: ${quantity} is off by ${error} (limit ${limit})`);
}

describe(`float16 on ${DEVICE_UNDER_TEST}`, function () {
  // However slow the machine: a software driver compiles hundreds of shaders.
  this.timeout(900_000);
  before(async function () {
    await requireFloat16(this);
  });

  for (const name of REFERENCE_MODELS) {
    describe(name, () => {
      let reference: Reference;
      before(async () => {
        reference = await openReference(join(REFERENCE_FOLDER, name));
      });
      after(() => reference.file.close());

      it('logits, log-probabilities and adapter gradients against PyTorch', async () => {
        const { folder, config, file, ids, groups } = reference;
        const weights = await loadFrozenWeights(folder, config, 'float16');
        const adapter = bindAdapter(await loadAdapter(join(folder, 'adapter')));
        const model = new LanguageModel(config, weights, adapter, 'adapter', REFERENCE_OPTIONS);
        const cache = model.newCache(ids.length);
        const prefixes = ids.map((row) => row.slice(0, 8));
        const logits = await model.extend(cache, prefixes, ids[0]!.length);
        cache.dispose();
        const [rows, length, vocabulary] = [ids.length, ids[0]!.length, config.vocabSize];
        const all = await file.readFloat32('lora.logits');
        const expected = Array.from({ length: rows }, (_, row) => {
          const start = (row * length + 7) * vocabulary;
          return [...all.subarray(start, start + vocabulary)];
        }).flat();
        report(name, 'logits', relativeError(logits, expected), LOGITS);
        const { gradients, scores } = await model.step(groups);
        const logProbs = await file.readFloat32('lora.token_logprobs');
        report(name, 'log-probabilities', relativeError(scores.flat(2), logProbs), LOG_PROBABILITIES);
        let worst = 0;
        for (const [key, gradient] of gradients)
          worst = Math.max(worst, relativeError(gradient, await file.readFloat32(`lora.grad.${key}`)));
        report(name, 'gradients, worst', worst, GRADIENTS);
        await model.dispose();
      });

      it('ranks rationales by their reward as float32 does', async () => {
        const { folder, config, ids } = reference;
        // log π(y|x,z) of one answer after eight rationales each: pieces of the reference's sequences.
        const answer = ids[0]!.slice(-3);
        const rationales = Array.from({ length: 8 }, (_, k) => {
          return ids[k % ids.length]!.slice(1 + k, 7 + k);
        });
        const continuations = rationales.map((z) => {
          return { ids: [...z, ...answer], predictions: predictTokens([...z, ...answer], 1, z.length) };
        });
        const groups = ids.slice(0, 2).map((sequence) => ({ prompt: sequence.slice(0, 4), continuations }));
        const rewards: number[][][] = [];
        for (const precision of ['float16', 'float32'] as const) {
          const weights = await loadFrozenWeights(folder, config, precision);
          const place = precision === 'float16' ? REFERENCE_OPTIONS : CPU;
          const model = new LanguageModel(config, weights, null, 'nothing', place);
          const scores = await model.score(groups);
          rewards.push(scores.map((group) => group.map((tokens) => tokens.reduce((sum, one) => sum + one, 0))));
          await model.dispose();
        }
        const [half, whole] = rewards as [number[][], number[][]];
        const off = Math.max(...half.flatMap((group, g) => group.map((value, k) => Math.abs(value - whole[g]![k]!))));
        let pairs = 0;
        let swapped = 0;
        half.forEach((group, g) => {
          for (let a = 0; a < group.length; a++)
            for (let b = 0; b < a; b++) {
              const [there, here] = [group[a]! - group[b]!, whole[g]![a]! - whole[g]![b]!];
              if (here === 0) continue;
              pairs++;
              if (Math.sign(there) === Math.sign(here)) continue;
              swapped++;
              assert.ok(
                Math.abs(here) <= 2 * off,
                `a pair ${here} nats apart changed places, rewards are off by ${off}`,
              );
            }
        });
        console.log(
          `      ${name.padEnd(16)} rewards off by ${off.toFixed(3)} nats at most; ${swapped} of ${pairs} pairs swapped`,
        );
        assert.ok(swapped <= 0.05 * pairs, `${swapped} of ${pairs}`);
      });
    });
  }

  it('holds matrices in two bytes a number, once for all programs', async () => {
    const config = tinyConfig('llama', { tie_word_embeddings: true });
    const adapter = tinyAdapter(1, config);
    const model = halfModel(config, tinyWeights(1, config), bindAdapter(adapter), DEVICE_UNDER_TEST);
    const groups = [{ prompt: [3, 4], continuations: [{ ids: [5, 6], predictions: predictTokens([5, 6]) }] }];
    const { traffic } = model.programs;
    const sentBy = async (action: () => Promise<unknown>): Promise<number> => {
      const before = traffic.toDevice;
      await action();
      return traffic.toDevice - before;
    };
    const first = await sentBy(() => model.score(groups));
    const again = await sentBy(() => model.score(groups));
    const sizes = (shapes: ReadonlyMap<string, readonly number[]>): [number, number][] =>
      [...shapes.values()].map((shape) => [shape.length, shape.reduce((a, b) => a * b, 1)]);
    const frozen = sizes(parameterShapes(config)).reduce((sum, [rank, size]) => sum + (rank === 2 ? 2 : 4) * size, 0);
    const trained = sizes(adapterShapes(config, adapter.config)).reduce((sum, [, size]) => sum + 4 * size, 0);
    assert.equal(first - again, frozen + trained);
    // Another program finds them there.
    assert.ok((await sentBy(() => model.step(groups))) < 2 * again);
    await model.dispose();
  });

  it('takes gradients, clips and steps as float32 does on the CPU, within its digits', async () => {
    const config = tinyConfig('qwen3');
    const weights = tinyWeights(1, config);
    const ids = [5, 6, 7, 8];
    const groups = [{ prompt: [3, 9, 4], continuations: [{ ids, predictions: predictTokens(ids, 0.5) }] }];
    const settings = { beta1: 0.9, beta2: 0.99, epsilon: 1e-3, weightDecay: 0.1 };
    const norms: number[] = [];
    for (const model of [
      halfModel(config, weights, bindAdapter(tinyAdapter(1, config)), DEVICE_UNDER_TEST),
      new LanguageModel(config, weights, bindAdapter(tinyAdapter(1, config)), 'adapter', CPU),
    ]) {
      const optimizer = createOptimizer(model, settings);
      for (let update = 0; update < 2; update++) {
        norms.push((await optimizer.gradient(groups, { tokenBudget: 1000 })).norm);
        await optimizer.update(0.01, 0.5);
      }
      await optimizer.dispose();
      await model.dispose();
    }
    const [a, b, c, d] = norms as [number, number, number, number];
    for (const [actual, expected] of [
      [a, c],
      [b, d],
    ] as const)
      assert.ok(Math.abs(actual - expected) <= GRADIENTS * expected, `norm ${actual} is not ${expected}`);
  });

  describe('a small LaTRO run', () => {
    const project = temporaryFolder();
    const files = new NodeFileSystem();
    const world = { files, clock: systemClock, processes: systemProcesses };
    before(() => writeTinyProject(project.path));

    it('says its precision and where it was computed, and resumes bit by bit', async () => {
      const config = tinyRunConfig(project.path, {
        sampling: { rationalesPerQuestion: 3, maxRationaleTokens: 6, minRationaleTokens: 0 },
        steps: 2,
        precision: 'float16',
      });
      const store = new RunStore(world, join(project.path, 'runs'));
      const environment = currentEnvironment(DEVICE_UNDER_TEST, 1, 'float16');
      const run = await TrainingRun.create(world, store, config, environment);
      await run.execute(SILENT);
      const directory = new RunDirectory(files, run.directory);
      const { identity, operators = {}, status } = await directory.record();
      assert.equal(status, 'finished');
      assert.equal(identity.precision, 'float16');
      for (const [program, { onDevice, fellBack }] of Object.entries(operators)) {
        assert.ok(onDevice > 0, program);
        assert.deepEqual(fellBack, {}, program);
      }
      const straight = await runFingerprint(files, directory.path);
      const again = await TrainingRun.resume(world, store, directory.path, environment, SILENT, { fromStep: 1 });
      await again.execute(SILENT);
      assert.deepEqual(await runFingerprint(files, directory.path), straight);
    });
  });
});
