/**
 * Parity with PyTorch: every `reference.safetensors` under LATRO_REFERENCE_DIR (default ../shared/models). The values were computed by
 * transformers + PEFT in float64; the tolerances are relative 2-norms.
 */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { loadAdapter } from '../../src/engine/model/adapter.ts';
import { Decoder } from '../../src/engine/model/decoder.ts';
import { KeyValueCache } from '../../src/engine/model/kv_cache.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { loadWeights } from '../../src/engine/model/weights.ts';
import { AdamW } from '../../src/engine/optimize/adamw.ts';
import {
  openReference,
  REFERENCE_FOLDER,
  REFERENCE_MODELS,
  type Reference,
  relativeError,
} from '../support/reference_models.ts';
import { bindAdapter } from '../support/tiny_model.ts';

const VALUES = 1e-4;
const GRADIENTS = 1e-3;
/** Of a tensor's largest gradient: what float32 does not resolve. */
const FLOAT32_FLOOR = 1e-6;
const DEVICE = { device: 'cpu', threads: 2 } as const;
const ADAMW = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };
const LEARNING_RATE = 1e-3;

function report(model: string, quantity: string, error: number, limit: number, detail = ''): void {
  console.log(
    `      ${model.padEnd(16)} ${quantity.padEnd(24)} ${error.toExponential(2)} (limit ${limit.toExponential(0)}) ${detail}`,
  );
  assert.ok(error <= limit, `${model}: ${quantity} is off by ${error} (limit ${limit}) ${detail}`);
}

/** The largest relative error over named tensors. */
async function worst(
  reference: Reference,
  tensors: Iterable<readonly [string, Float32Array, string]>,
): Promise<{ error: number; name: string }> {
  let most = { error: 0, name: '' };
  for (const [name, ours, key] of tensors) {
    const error = relativeError(ours, await reference.file.readFloat32(key));
    if (!(error <= most.error)) most = { error, name };
  }
  return most;
}

/** Logits (B·T, V) after every token, decoding token by token after a prompt of one: the decode path itself. */
async function allLogits(model: LanguageModel, ids: readonly (readonly number[])[]): Promise<Float32Array> {
  const [rows, length, vocabulary] = [ids.length, ids[0]!.length, model.config.vocabSize];
  const prompts = new KeyValueCache(model.config, rows);
  const decoder = new Decoder(model, length);
  const all = new Float32Array(rows * length * vocabulary);
  const first = ids.map((row) => row.slice(0, 1));
  let data = await decoder.prefill(prompts, first);
  const cache = await decoder.branch(prompts, [...ids.keys()]);
  for (let t = 0; t < length; t++) {
    const tokens = ids.map((row) => row[t]!);
    if (t > 0) data = await decoder.next(cache, tokens);
    const hidden = { shape: [rows, model.config.hiddenSize], data };
    const logits = (await model.programs.runHead('logits', { hidden }, ['logits'])).logits!;
    for (let row = 0; row < rows; row++) {
      all.set(logits.subarray(row * vocabulary, (row + 1) * vocabulary), (row * length + t) * vocabulary);
    }
  }
  return all;
}

async function greedy(model: LanguageModel, prompts: readonly (readonly number[])[], steps: number): Promise<number[]> {
  const cache = new KeyValueCache(model.config, prompts.length);
  const out = prompts.map((): number[] => []);
  let fresh = prompts.map((prompt) => [...prompt]);
  const vocabulary = model.config.vocabSize;
  for (let step = 0; step < steps; step++) {
    const logits = await model.extend(cache, fresh, prompts[0]!.length + steps);
    fresh = prompts.map((_, row) => {
      const slice = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
      return [slice.indexOf(slice.reduce((most, value) => Math.max(most, value)))];
    });
    fresh.forEach(([id], row) => {
      out[row]!.push(id!);
    });
  }
  return out.flat();
}

/**
 * Relative error of the change that AdamW made, since the parameters themselves would hide it. AdamW's first steps are g/|g|: where
 * the reference gradient is under 1e-6 of its tensor's largest, float32 does not know even its sign (a key bias under a slow rotary
 * frequency hardly matters, for example). Those elements are left out, and counted.
 */
async function worstChange(
  reference: Reference,
  before: ReadonlyMap<string, Float32Array>,
  after: ReadonlyMap<string, { readonly data: Float32Array }>,
  key: string,
  gradientKey: string,
): Promise<{ error: number; name: string }> {
  let most = { error: 0, name: '' };
  let left = 0;
  for (const [name, start] of before) {
    const gradient = await reference.file.readFloat32(`${gradientKey}.${name}`);
    const floor = FLOAT32_FLOOR * gradient.reduce((largest, g) => Math.max(largest, Math.abs(g)), 0);
    const known = [...gradient.keys()].filter((i) => gradient[i] === 0 || Math.abs(gradient[i]!) >= floor);
    left += gradient.length - known.length;
    const expected = await reference.file.readFloat32(`${key}.${name}`);
    const ours = after.get(name)!.data;
    const error = relativeError(
      known.map((i) => ours[i]! - start[i]!),
      known.map((i) => expected[i]! - start[i]!),
    );
    if (!(error <= most.error)) most = { error, name };
  }
  return {
    error: most.error,
    name: `${most.name}${left > 0 ? `; ${left} elements under the float32 floor left out` : ''}`,
  };
}

/**
 * Gives gradients under that floor the reference's sign and size. What is left out of the comparison would else decide it: AdamW's first step
 * moves such an element by the whole learning rate whichever way it goes, and the next gradients of all others follow.
 */
async function settleSigns(
  reference: Reference,
  gradients: ReadonlyMap<string, Float32Array>,
  gradientKey: string,
): Promise<void> {
  for (const [name, ours] of gradients) {
    const expected = await reference.file.readFloat32(`${gradientKey}.${name}`);
    const floor = FLOAT32_FLOOR * expected.reduce((largest, g) => Math.max(largest, Math.abs(g)), 0);
    expected.forEach((g, i) => {
      if (g !== 0 && Math.abs(g) < floor) ours[i] = g;
    });
  }
}

const copies = (tensors: ReadonlyMap<string, { readonly data: Float32Array }>): Map<string, Float32Array> =>
  new Map([...tensors].map(([name, { data }]) => [name, data.slice()]));

describe('parity with PyTorch', () => {
  if (REFERENCE_MODELS.length === 0) {
    it('reference models', function () {
      console.log(
        `      skipped: there is no reference.safetensors under ${REFERENCE_FOLDER} (set LATRO_REFERENCE_DIR)`,
      );
      this.skip();
    });
  }
  for (const name of REFERENCE_MODELS) {
    describe(name, () => {
      let reference: Reference;
      before(async () => {
        reference = await openReference(join(REFERENCE_FOLDER, name));
      });
      after(() => reference.file.close());

      it('base: logits, log-probabilities, greedy continuation', async () => {
        const model = new LanguageModel(
          reference.config,
          await loadWeights(reference.folder, reference.config),
          null,
          'nothing',
          DEVICE,
        );
        report(
          name,
          'base logits',
          relativeError(await allLogits(model, reference.ids), await reference.file.readFloat32('base.logits')),
          VALUES,
        );
        const scores = (await model.score(reference.groups)).flat(2);
        report(
          name,
          'base log-probabilities',
          relativeError(scores, await reference.file.readFloat32('base.token_logprobs')),
          VALUES,
        );
        const ids = await greedy(
          model,
          reference.ids.map((row) => row.slice(0, 8)),
          16,
        );
        assert.deepEqual(ids, Array.from(await reference.file.readInt64('base.greedy_ids'), Number));
        console.log(`      ${name.padEnd(16)} ${'greedy ids'.padEnd(24)} identical (${ids.length})`);
        await model.dispose();
      });

      it('all parameters: gradients and one AdamW step', async function () {
        if (!reference.file.names.some((key) => key.startsWith('full.grad.'))) {
          console.log(`      ${name.padEnd(16)} full gradients: not in the reference, as its README says`);
          this.skip();
        }
        const weights = await loadWeights(reference.folder, reference.config);
        const model = new LanguageModel(reference.config, weights, null, 'all-weights', DEVICE);
        const { gradients, loss } = await model.step(reference.groups);
        report(name, 'base loss', relativeError([loss], await reference.file.readFloat32('base.loss')), VALUES);
        const gradient = await worst(
          reference,
          [...gradients].map(([key, data]) => [key, data, `full.grad.${key}`] as const),
        );
        report(name, 'full gradients, worst', gradient.error, GRADIENTS, gradient.name);
        const before = copies(model.parameters);
        new AdamW(ADAMW).update(model.parameters, gradients, LEARNING_RATE);
        const change = await worstChange(reference, before, model.parameters, 'full.adamw1', 'full.grad');
        report(name, 'full AdamW change, worst', change.error, GRADIENTS, change.name);
        await model.dispose();
      });

      it('adapter: logits, log-probabilities, gradients and three AdamW steps', async () => {
        const weights = await loadWeights(reference.folder, reference.config);
        const adapter = bindAdapter(await loadAdapter(join(reference.folder, 'adapter')));
        const model = new LanguageModel(reference.config, weights, adapter, 'adapter', DEVICE);
        report(
          name,
          'adapter logits',
          relativeError(await allLogits(model, reference.ids), await reference.file.readFloat32('lora.logits')),
          VALUES,
        );
        const { gradients, loss, scores } = await model.step(reference.groups);
        report(
          name,
          'adapter log-probabilities',
          relativeError(scores.flat(2), await reference.file.readFloat32('lora.token_logprobs')),
          VALUES,
        );
        report(name, 'adapter loss', relativeError([loss], await reference.file.readFloat32('lora.loss')), VALUES);
        const gradient = await worst(
          reference,
          [...gradients].map(([key, data]) => [key, data, `lora.grad.${key}`] as const),
        );
        report(name, 'adapter gradients, worst', gradient.error, GRADIENTS, gradient.name);
        const before = copies(model.parameters);
        await settleSigns(reference, gradients, 'lora.grad');
        const optimiser = new AdamW(ADAMW);
        optimiser.update(model.parameters, gradients, LEARNING_RATE);
        for (let step = 1; step < 3; step++)
          optimiser.update(model.parameters, (await model.step(reference.groups)).gradients, LEARNING_RATE);
        const change = await worstChange(reference, before, model.parameters, 'lora.adamw3', 'lora.grad');
        report(name, 'adapter AdamW change, worst', change.error, GRADIENTS, change.name);
        const after = await model.step(reference.groups);
        report(
          name,
          'adapter loss after three',
          relativeError([after.loss], await reference.file.readFloat32('lora.adamw3.loss')),
          VALUES,
        );
        await model.dispose();
      });
    });
  }
});
