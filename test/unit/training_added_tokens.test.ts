/** Runs whose control tokens are learned rows: rows are trained with the rest, π_0 keeps the first ones, and resuming is exact. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { loadAdapter, saveAdapter } from '../../src/engine/model/adapter.ts';
import { addedRowsName } from '../../src/engine/model/added_tokens.ts';
import { predictTokens } from '../../src/engine/model/packing.ts';
import { Tokenizer } from '../../src/engine/model/tokenizer.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { exportRun } from '../../src/engine/training/export_run.ts';
import { Policy, type PolicyMode, type PolicyRequest } from '../../src/engine/training/policy.ts';
import { TrainingRun } from '../../src/engine/training/training_run.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { SILENT, TINY_ENVIRONMENT, tinyRunConfig, writeTinyProject } from '../support/tiny_run.ts';

const files = new NodeFileSystem();
const world = { files, clock: systemClock, processes: systemProcesses };
const STRATEGIES = { count: 2, carrier: 'embedding', tag: '<think{n}>\n', seed: 5 } as const;
const LORA = { rank: 2, alpha: 4, dropout: 0, targetModules: ['all-linear'], useRslora: false, baseModel: null };
const MODES: Record<string, PolicyMode> = { lora: { kind: 'lora', lora: LORA, seed: 5 }, full: { kind: 'full' } };

describe('learned rows of control tokens', () => {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const open = (changes: Partial<PolicyRequest> = {}): Promise<Policy> =>
    Policy.open({
      model: at('model'),
      adapter: null,
      mode: { kind: 'frozen' },
      strategies: STRATEGIES,
      programs: { device: 'cpu', threads: 1 },
      rows: 1,
      sequenceLength: 64,
      tokenBudget: 256,
      ...changes,
    });
  before(() => writeTinyProject(folder.path));

  for (const [name, mode] of Object.entries(MODES)) {
    it(`${name}: a tag is one id for the tokenizer, the tags and the model; π_0 stays what the policy was at first`, async () => {
      const plain = await open({ strategies: undefined });
      const policy = await open({ mode });
      const first = plain.config.vocabSize;
      assert.deepEqual(policy.addedTokens, { texts: ['<think1>', '<think2>'], firstId: first });
      assert.deepEqual(policy.tags?.ids, [[first], [first + 1]]);
      assert.equal(policy.drawnBelow, first);
      assert.deepEqual(policy.tokenizer.encode('<think2>', { addSpecialTokens: false }), [first + 1]);
      assert.equal(policy.model.vocabularySize, first + 2);

      const group = { prompt: [5, 6, first + 1], continuations: [{ ids: [7, 8], predictions: predictTokens([7, 8]) }] };
      const start = (await policy.model.score([group])).flat(2);
      const { gradients } = await policy.model.step([group]);
      for (const [parameter, { data }] of policy.model.parameters) {
        const gradient = gradients.get(parameter)!;
        for (let i = 0; i < data.length; i++) data[i] = data[i]! + 0.01 * gradient[i]!;
      }
      assert.notDeepEqual((await policy.model.score([group])).flat(2), start);
      assert.deepEqual((await policy.reference([group])).flat(2), start);
      await plain.dispose();
      await policy.dispose();
    });

    it(`${name}: a run resumed from any checkpoint is the run that was never stopped, rows and moments included`, async () => {
      const { carrier, count } = STRATEGIES;
      const config = tinyRunConfig(folder.path, {
        trainable: mode.kind === 'lora' ? { kind: 'lora', rank: 2, alpha: 4 } : { kind: 'full' },
        strategies: { carrier, count },
      });
      const store = new RunStore(world, config.outputDirectory);
      const run = await TrainingRun.create(world, store, config, TINY_ENVIRONMENT);
      await run.execute(SILENT);
      const whole = await runFingerprint(files, run.directory);
      for (const fromStep of [2, 1]) {
        const again = await TrainingRun.resume(world, store, run.id, TINY_ENVIRONMENT, SILENT, { fromStep });
        await again.execute(SILENT);
        assert.deepEqual(await runFingerprint(files, run.directory), whole, `from update ${fromStep}`);
      }

      const untrained = await open({ mode, strategies: { ...STRATEGIES, seed: config.seed } });
      const directory = new RunDirectory(files, run.directory);
      await exportRun(directory, 'merged', at(`merged-${name}`));
      const merged = await open({ model: at(`merged-${name}`) });
      assert.equal(merged.addedTokens, null, 'its own tokens by now');
      assert.deepEqual(merged.tags?.ids, untrained.tags?.ids);
      assert.equal(merged.drawnBelow, untrained.drawnBelow);
      const width = merged.config.hiddenSize;
      const table = merged.weights.get('lm_head.weight')!.data;
      const before =
        mode.kind === 'lora'
          ? untrained.adapter!.tensors.get(addedRowsName('output'))!.data
          : untrained.weights.get('lm_head.weight')!.data.slice(-2 * width);
      const after = table.slice(-2 * width);
      assert.equal(after.length, before.length);
      for (const row of [0, 1]) {
        const moved = Math.hypot(
          ...Array.from({ length: width }, (_, j) => after[row * width + j]! - before[row * width + j]!),
        );
        assert.ok(moved > 1e-3, `row ${row} moved by ${moved}`);
      }
      if (mode.kind === 'lora') {
        await exportRun(directory, 'adapter', at('exported'));
        // The model's own tokenizer files with the tags, as transformers looks for them in an adapter's folder.
        const tokenizer = await Tokenizer.load(at('exported'));
        assert.deepEqual(tokenizer.encode('<think2>', { addSpecialTokens: false }), untrained.tags?.ids[1]);
        assert.deepEqual((await loadAdapter(at('exported'))).addedTokens, untrained.addedTokens);
      }
      await untrained.dispose();
      await merged.dispose();
    });
  }

  it('an adapter brings its tokens, whatever the settings; other tags than its own are refused', async () => {
    const policy = await open({ mode: MODES.lora! });
    await saveAdapter(at('adapter'), policy.adapter!);
    const used = await open({ adapter: at('adapter'), strategies: undefined });
    assert.deepEqual(used.addedTokens, policy.addedTokens);
    assert.equal(used.tags, null);
    assert.equal(used.drawnBelow, undefined);
    const trained = await open({ adapter: at('adapter'), mode: MODES.lora! });
    assert.deepEqual(trained.tags, policy.tags);
    await expectLatroError(
      () => open({ adapter: at('adapter'), strategies: { ...STRATEGIES, tag: '<way{n}>' } }),
      'adapter-mismatch',
      '<way1>',
    );
    for (const each of [policy, used, trained]) await each.dispose();
  });
});
