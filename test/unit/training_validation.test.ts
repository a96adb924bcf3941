import assert from 'node:assert/strict';
import { systemClock } from '../../src/engine/common/clock.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { createOptimizer } from '../../src/engine/optimize/create_optimizer.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { setUpRun } from '../../src/engine/training/run_setup.ts';
import { newTrainerStart, Trainer, type TrainerHooks } from '../../src/engine/training/trainer.ts';
import type { RunConfigInput } from '../../src/protocol/run_config.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { tinyRunConfig, writeTinyProject } from '../support/tiny_run.ts';
import { UNKNOWN_IDENTITY } from '../support/toy_run.ts';

const files = new NodeFileSystem();

describe('validations of a run', () => {
  const folder = temporaryFolder();
  before(async () => writeTinyProject(folder.path));

  /** Fifteen updates with a validation after every fifth, whose greedy accuracies are given; what the run then says and keeps. */
  async function train(greedyAccuracies: readonly number[], health: NonNullable<RunConfigInput['health']>) {
    const config = tinyRunConfig(folder.path, {
      steps: 15,
      evaluation: { every: 5, k: 0, maxTokens: 6 },
      checkpoints: { every: 15, keep: 2 },
      health,
    });
    const setup = await setUpRun(config, { device: 'cpu', precision: 'float32' }, files, new Date(0));
    const store = new RunStore({ files, clock: systemClock, processes: systemProcesses }, config.outputDirectory);
    const writer = await store.create(config, UNKNOWN_IDENTITY);
    const seen: number[] = [];
    const hooks: TrainerHooks = {
      onStep: ({ correctShare }) => seen.push(correctShare),
      validate: async (step) => ({
        score: greedyAccuracies[step / 5 - 1]!,
        health: { greedyAccuracy: greedyAccuracies[step / 5 - 1]!, sampledAccuracy: null },
      }),
    };
    try {
      const { policy, task, questions } = setup;
      const context = { policy, task, config, ratings: null, generateOptions: {}, traceSources: [] };
      await new Trainer(context, questions.train, writer, systemClock, hooks).run(
        newTrainerStart(createOptimizer(policy.model, config.optimizer)),
      );
      const { records } = await writer.directory.events();
      const raised = records.flatMap((event) =>
        event.type === 'health' && event.check === 'hedging' ? [{ step: event.step, message: event.message }] : [],
      );
      return { raised, seen, best: writer.record.best, checkpoints: await writer.directory.checkpoints.steps() };
    } finally {
      await setup.policy.dispose();
      await writer.close('finished');
    }
  }

  it('hedging is seen where greedy answers leave the sampled ones behind, and can stop the run', async () => {
    const { raised, seen, checkpoints } = await train([0, 0.9, 0.9], { stopOn: ['hedging'] });
    assert.ok(
      seen.every((share) => share < 0.5),
      'samples of a random model are wrong',
    );
    assert.deepEqual(
      raised.map(({ step }) => step),
      [10],
    );
    assert.match(raised[0]!.message, /^Hedging: .*above 0\.08/);
    assert.equal(seen.length, 10, 'stopped there');
    assert.equal(checkpoints.at(-1), 10, 'with a checkpoint');
  });

  it('the best checkpoint is the first that did best on the held-out questions, and is kept', async () => {
    const { best, checkpoints } = await train([0.2, 0.6, 0.6], { stopOn: [] });
    assert.deepEqual(best, { step: 10, score: 0.6 });
    assert.ok(checkpoints.includes(10), 'though none was due then');
    assert.deepEqual((await train([0.6, 0.2, 0.5], { stopOn: [] })).best, { step: 5, score: 0.6 });
  });

  it('hedging is not a gap that was there at the first validation', async () => {
    const { raised, seen } = await train([0.9, 0.9, 0.3], { stopOn: [] });
    assert.equal(seen.length, 15);
    assert.deepEqual(raised, []);
  });
});
