/**
 * What `latro export` writes, loaded by transformers and PEFT: the logits must be the engine's own. LATRO_PYTHON names a Python that can
 * import transformers, PEFT and torch; without it nothing here runs. The models come from LATRO_REFERENCE_DIR.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { loadAdapter } from '../../src/engine/model/adapter.ts';
import { readModelConfig } from '../../src/engine/model/config.ts';
import { KeyValueCache } from '../../src/engine/model/kv_cache.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { loadWeights } from '../../src/engine/model/weights.ts';
import { bindAdapter } from '../../src/engine/training/policy.ts';
import { latroOk } from '../support/command_line.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { tinyQuestions } from '../support/tiny_folder.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FOLDER = resolve(process.env.LATRO_REFERENCE_DIR ?? join(ROOT, '..', 'shared', 'models'));
const PYTHON = process.env.LATRO_PYTHON;
/** ‖ours − theirs‖ / ‖theirs‖ of float32 against float64. */
const LIMIT = 1e-4;
/** The LoRA updates below are far larger than sensible ones: an export that lost them would be off by more than this. */
const CHANGED = 1e-2;
const MODELS = [
  'stories260K',
  'tiny-llama3',
  'tiny-mistral',
  'tiny-phi3',
  'tiny-qwen2',
  'tiny-qwen3',
  'minimind2-small',
];
const IDS = Array.from({ length: 24 }, (_, i) => (5 + 37 * i + i * i) % 500);
/** One model with its head tied, one without: their control tokens are learned on the input side alone, or on both. */
const WITH_TAGS = ['tiny-qwen2', 'tiny-llama3'];

async function transformersLogits(model: string, adapter: string | null, ids = IDS): Promise<number[]> {
  const script = join(ROOT, 'test', 'support', 'transformers_logits.py');
  const child = spawn(PYTHON as string, [script], { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.end(JSON.stringify({ model, adapter, ids }));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, `${script} ended with ${code}`);
  return (JSON.parse(output) as number[][]).flat();
}

/** Logits after every token, (T, V), by decoding. */
async function ourLogits(folder: string, adapterFolder: string | null, ids = IDS): Promise<number[]> {
  const config = await readModelConfig(folder);
  const adapter = adapterFolder === null ? null : bindAdapter(config, await loadAdapter(adapterFolder));
  const options = { device: 'cpu', threads: 1 } as const;
  const model = new LanguageModel(config, await loadWeights(folder, config), adapter, 'nothing', options);
  const cache = new KeyValueCache(config, 1);
  const all: number[] = [];
  for (const id of ids) all.push(...(await model.extend(cache, [[id]], ids.length)));
  await model.dispose();
  return all;
}

function relativeError(ours: readonly number[], theirs: readonly number[]): number {
  assert.equal(ours.length, theirs.length);
  const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm(ours.map((value, i) => value - theirs[i]!)) / norm(theirs);
}

/** Trains two updates and exports them. */
async function trainAndExport(
  folder: string,
  model: string,
  changes: object,
): Promise<{ adapter: string; merged: string }> {
  const config = {
    model,
    dataset: { train: 'train.jsonl', format: 'starter', holdOutFraction: 0 },
    method: 'sft',
    sft: { target: 'answer' },
    trainable: { kind: 'lora', rank: 4, alpha: 8 },
    optimizer: { learningRate: 0.02, schedule: 'constant', warmupSteps: 0 },
    evaluation: { every: null },
    questionsPerStep: 2,
    steps: 2,
    threads: 1,
    ...changes,
  };
  await writeFile(join(folder, 'latro.json'), JSON.stringify(config));
  await latroOk(['train', 'latro.json', '--out', 'runs'], { cwd: folder });
  const [run] = (await readdir(join(folder, 'runs'))) as [string];
  for (const to of ['adapter', 'merged'])
    await latroOk(['export', run, '--runs', 'runs', '--to', to, '--out', to], { cwd: folder });
  return { adapter: join(folder, 'adapter'), merged: join(folder, 'merged') };
}

function assertSame(name: string, errors: Readonly<Record<string, number>>): void {
  for (const [what, error] of Object.entries(errors)) {
    console.log(`      ${name.padEnd(16)} ${what.padEnd(24)} ${error.toExponential(2)} (limit 1e-4)`);
    assert.ok(error <= LIMIT, `${name}, ${what}: off by ${error}`);
  }
}

describe('transformers loads what is exported', () => {
  const folder = temporaryFolder();

  /** Skips the test where the model, or a Python to load it with, is missing. */
  function modelFolder(context: Mocha.Context, name: string): string {
    const model = join(FOLDER, name);
    if (PYTHON === undefined || !existsSync(model)) {
      console.log(`      skipped: it needs LATRO_PYTHON, a Python with transformers and PEFT, and ${model}`);
      context.skip();
    }
    return model;
  }
  async function ownFolder(name: string): Promise<string> {
    const own = join(folder.path, name);
    await mkdir(own);
    return own;
  }

  for (const name of MODELS) {
    it(`${name}: adapter and merged folder give the engine's logits`, async function () {
      const model = modelFolder(this, name);
      const own = await ownFolder(name);
      await writeFile(join(own, 'train.jsonl'), tinyQuestions(4));
      const { adapter, merged } = await trainAndExport(own, model, {});
      const theirs = await transformersLogits(merged, null);
      assertSame(name, {
        merged: relativeError(await ourLogits(merged, null), theirs),
        'adapter, PEFT': relativeError(await ourLogits(model, adapter), await transformersLogits(model, adapter)),
        'adapter against merged': relativeError(await ourLogits(model, adapter), theirs),
      });
      const change = relativeError(await ourLogits(model, null), theirs);
      assert.ok(change > CHANGED, `the run changed the logits by only ${change}`);
    });
  }

  for (const name of WITH_TAGS) {
    it(`${name} with control tokens: PEFT and transformers read the learned rows on every side`, async function () {
      const model = modelFolder(this, name);
      const own = await ownFolder(`${name}-tags`);
      const rows = tinyQuestions(4)
        .trim()
        .split('\n')
        .map((line) => ({ ...(JSON.parse(line) as object), rationales: ['First this.', 'Or that way.'] }));
      await writeFile(join(own, 'train.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      const { adapter, merged } = await trainAndExport(own, model, {
        method: 'ssft',
        sft: undefined,
        strategies: { count: 2, carrier: 'embedding' },
        evaluation: { every: null, k: 0 },
      });
      const { vocabSize } = await readModelConfig(model);
      assert.equal((await readModelConfig(merged)).vocabSize, vocabSize + 2);
      // Each new token is read, and their logits are among those compared.
      const ids = [...IDS.slice(0, 8), vocabSize, ...IDS.slice(8, 16), vocabSize + 1, ...IDS.slice(16)];
      const theirs = await transformersLogits(merged, null, ids);
      assert.equal(theirs.length, ids.length * (vocabSize + 2));
      assertSame(`${name}, tags`, {
        merged: relativeError(await ourLogits(merged, null, ids), theirs),
        'adapter, PEFT': relativeError(
          await ourLogits(model, adapter, ids),
          await transformersLogits(model, adapter, ids),
        ),
        'adapter against merged': relativeError(await ourLogits(model, adapter, ids), theirs),
      });
    });
  }
});
