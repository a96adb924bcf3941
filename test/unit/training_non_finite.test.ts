import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { LatroError } from '../../src/engine/common/errors.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { SafetensorsFile, writeSafetensors } from '../../src/engine/model/safetensors.ts';
import type { Gradient } from '../../src/engine/optimize/optimizer.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { nonFiniteUpdate, requireFiniteParameters, withPrecision } from '../../src/engine/training/non_finite.ts';
import { TrainingRun } from '../../src/engine/training/training_run.ts';
import type { RunConfigInput } from '../../src/protocol/run_config.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { tinyTokenizer } from '../support/tiny_model_folder.ts';
import { SILENT, TINY_ENVIRONMENT, tinyRunConfig, writeTinyProject } from '../support/tiny_run.ts';

const world = { files: new NodeFileSystem(), clock: systemClock, processes: systemProcesses };
/** Its embedding is not a number, so a question is lost if and only if "=" is in it. */
const POISON = '=';
const POISONED_LINE = 5;

describe('numbers that are not finite', () => {
  const folder = temporaryFolder();

  before(async () => {
    await writeTinyProject(folder.path);
    await poisonModel(join(folder.path, 'model', 'model.safetensors'));
    await copyFile(join(folder.path, 'train.jsonl'), join(folder.path, 'sound.jsonl'));
    await poisonRow(join(folder.path, 'train.jsonl'), POISONED_LINE);
    await poisonRow(join(folder.path, 'test.jsonl'), 2);
  });

  async function failingRun(config: Partial<RunConfigInput>): Promise<{ run: RunDirectory; error: LatroError }> {
    const full = tinyRunConfig(folder.path, { steps: 9, seed: 5, optimizer: { learningRate: 0.001 }, ...config });
    // Among the five most likely tokens it never is: its logit is 0, and half of the others are above.
    const settings = { ...full, sampling: { ...full.sampling, topK: 5 } };
    const run = await TrainingRun.create(world, new RunStore(world, full.outputDirectory), settings, TINY_ENVIRONMENT);
    return { run: new RunDirectory(world.files, run.directory), error: await failure(run) };
  }

  async function failure(run: TrainingRun): Promise<LatroError> {
    const error: unknown = await run.execute(SILENT).then(
      () => new Error('the run was to fail'),
      (thrown: unknown) => thrown,
    );
    assert(error instanceof LatroError, String(error));
    assert.equal(error.code, 'non-finite');
    return error;
  }

  for (const method of ['latro', 'sft', 'rejection-sampling', 'grpo'] as const) {
    it(`stop ${method} at the question they arise on, by line, and leave every checkpoint before`, async () => {
      const { run, error } = await failingRun({ method });
      const step = Number(/update (\d+)/.exec(error.reason)?.[1]);
      assert(step > 1, error.reason);
      assert.match(error.reason, new RegExp(`on the question of line ${POISONED_LINE}\\.`));
      assert.match(error.nextStep, /last good checkpoint is kept/);

      const { status, statusReason } = await run.record();
      assert.deepEqual([status, statusReason], ['failed', error.message]);
      const before = Array.from({ length: step - 1 }, (_, i) => i + 1);
      assert.deepEqual(await run.checkpoints.steps(), before);
      assert.deepEqual(await run.rolloutSteps(), before);
      for (const kept of before) assert(!('reason' in ((await run.checkpoints.verify(kept)) ?? { reason: 'gone' })));

      // Resuming is not refused: it comes to the same question and says the same.
      const store = new RunStore(world, join(folder.path, 'runs'));
      const again = await TrainingRun.resume(world, store, run.id, TINY_ENVIRONMENT, SILENT);
      assert.equal((await failure(again)).message, error.message);
      assert.deepEqual(await run.checkpoints.steps(), before);
    });
  }

  it('stop a run whose optimiser runs away before they are saved', async () => {
    // Decay as it should not be: every update multiplies the weights by 1 − 1e9.
    const { run, error } = await failingRun({
      dataset: { train: 'sound.jsonl', holdOutFraction: 0 },
      optimizer: { learningRate: 1, weightDecay: 1e9, schedule: 'constant' },
    });
    assert.match(error.reason, /[Uu]pdate \d+.* lines? \d/);
    const steps = await run.checkpoints.steps();
    assert(steps.length > 0, error.reason);
    for (const step of steps) {
      const file = await SafetensorsFile.open(
        join(run.checkpoints.directory(step), 'adapter', 'adapter_model.safetensors'),
      );
      for (const name of file.names)
        assert((await file.readFloat32(name)).every(Number.isFinite), `${name} of ${step}`);
      await file.close();
    }
  });

  it('stop an evaluation at the question they arise on, by line', async () => {
    const { run, error } = await failingRun({ dataset: { train: 'train.jsonl', test: 'test.jsonl' } });
    assert.match(error.reason, /evaluation, on the question of line 2\./);
    assert.deepEqual(await run.checkpoints.steps(), []);
  });

  it('in one gradient of many are traced to its question', async () => {
    const gradient = (norm: number): Gradient => ({ loss: 1, scores: [[[-1]]], norm });
    const groups = [7, 8, 9].map((token) => ({ prompt: [token], continuations: [] }));
    const error = await nonFiniteUpdate(4, groups, [70, 80, 90], async ({ prompt }) =>
      gradient(prompt[0] === 8 ? Number.POSITIVE_INFINITY : 2),
    );
    assert.match(error.reason, /update 4 .* line 80\./);
    // Each finite, their sum not: all are named.
    const overflow = await nonFiniteUpdate(4, groups, [70, 80, 90], async () => gradient(3e38));
    assert.match(overflow.reason, /lines 70, 80, 90\./);
  });

  it('among the weights are found right after the update that made them', () => {
    const parameters = [
      ['sound', { data: Float32Array.of(1, 2) }],
      ['broken', { data: Float32Array.of(1, Number.NaN) }],
    ] as const;
    assert.throws(
      () => requireFiniteParameters(parameters, 3, [1, 4]),
      (error: LatroError) => error.code === 'non-finite' && /Update 3.*lines 1, 4.*broken\[1\] NaN/.test(error.reason),
    );
    requireFiniteParameters(parameters.slice(0, 1), 3, [1, 4]);
  });

  it('say of float16 that float32 reaches further, and of nothing else', () => {
    const error = new LatroError('non-finite', 'The loss is NaN.', 'Look at that question.');
    assert.equal(withPrecision(error, 'float32'), error);
    const explained = withPrecision(error, 'float16');
    assert(explained instanceof LatroError && explained.code === 'non-finite');
    assert.match(
      explained.message,
      /^The loss is NaN\. .*precision 'float32' reaches further\. Look at that question\.$/,
    );
    const other = new LatroError('disk-full', 'The disk is full.');
    assert.equal(withPrecision(other, 'float16'), other);
  });
});

async function poisonModel(path: string): Promise<void> {
  const { vocab } = (tinyTokenizer().tokenizer as { model: { vocab: Record<string, number> } }).model;
  const file = await SafetensorsFile.open(path);
  const tensors = await Promise.all(
    file.names.map(async (name) => ({ name, shape: file.info(name).shape, data: await file.readFloat32(name) })),
  );
  await file.close();
  for (const { name, shape, data } of tensors) {
    const start = vocab[POISON]! * shape[1]!;
    if (name === 'model.embed_tokens.weight') data.fill(Number.NaN, start, start + shape[1]!);
    if (name === 'lm_head.weight') data.fill(0, start, start + shape[1]!);
  }
  await writeSafetensors(path, tensors, { format: 'pt' });
}

async function poisonRow(path: string, line: number): Promise<void> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  lines[line - 1] = lines[line - 1]!.replace('?', POISON);
  await writeFile(path, lines.join('\n'));
}
