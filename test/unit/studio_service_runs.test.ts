import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as v from 'valibot';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { readJsonLines } from '../../src/engine/common/json_lines.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { EngineRequestError } from '../../src/extension/engine/engine_client.ts';
import type { EngineFailure, NotificationParams, Weights } from '../../src/protocol/engine_rpc.ts';
import { EvaluationRow, type RunEvent } from '../../src/protocol/records.ts';
import { assertClose } from '../support/close.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { Studio, tinyRunConfig } from '../support/studio_harness.ts';

const files = new NodeFileSystem();

describe('studio service: runs', function () {
  this.timeout(120_000);
  let studio: Studio;
  /** A finished run of three updates. */
  let run: RunDirectory;
  const events: RunEvent[] = [];
  const progress: NotificationParams<'progress'>[] = [];

  before(async () => {
    studio = await Studio.start();
    const listeners = [
      studio.client.on('runEvent', ({ event }) => events.push(event)),
      studio.client.on('progress', (message) => progress.push(message)),
    ];
    const { runDirectory, ended } = await studio.train();
    assert.deepEqual((await ended).outcome, { type: 'ok' });
    for (const listener of listeners) listener.dispose();
    run = new RunDirectory(files, runDirectory);
  });
  after(() => studio.close());

  it('tells its clients what stands in the log, and how far it is', async () => {
    assert.deepEqual(events, (await run.events()).records);
    const steps = events.flatMap((event) => (event.type === 'step' ? [event.metrics] : []));
    assert.deepEqual(
      steps.map(({ step, totalSteps }) => `${step} of ${totalSteps}`),
      ['1 of 3', '2 of 3', '3 of 3'],
    );
    assert.ok(
      steps.some(({ gradientNorm }) => gradientNorm > 0),
      'it learns from its rationales',
    );
    const phases = [...new Set(progress.map(({ phase }) => phase))];
    assert.deepEqual(phases, ['preparing', 'evaluating-before', 'training', 'evaluating-after']);
    const training = progress.filter(({ phase }) => phase === 'training');
    assert.deepEqual([...new Set(training.map(({ done }) => done))], [0, 1, 2, 3]);
    const { ratePerSecond, secondsLeft } = training.at(-1)!;
    assert.ok(ratePerSecond !== null && ratePerSecond > 0);
    assert.equal(secondsLeft, 0);
  });

  it('leaves rollouts that the readers of a run accept, with advantages that sum to zero', async () => {
    assert.deepEqual(await run.rolloutSteps(), [1, 2, 3]);
    for (const step of [1, 2, 3]) {
      const rollouts = await run.rollouts(step);
      assert.equal(rollouts.length, 2);
      for (const { rationales } of rollouts) {
        assert.equal(rationales.length, 4);
        const sum = rationales.reduce((total, { advantage }) => total + advantage!, 0);
        assert.ok(Math.abs(sum) < 1e-9, `${sum}`);
      }
    }
    const { status, gain } = await run.record();
    assert.equal(status, 'finished');
    assert.equal(gain?.questions, 3);
    assert.deepEqual(studio.log, []);
  });

  it('answers a question between the updates of a run, with the very rationales the run sampled', async () => {
    const { jobId, runDirectory, ended } = await studio.train({ steps: 12 });
    await studio.next('runEvent', jobId, ({ event }) => event.type === 'step');
    const [rollout] = await new RunDirectory(files, runDirectory).rollouts(1);
    const sampled = await studio.client.request('sampleQuestion', {
      jobId: studio.nextJob(),
      weights: { kind: 'run', runDirectory, checkpoint: 'base' },
      row: await studio.row('train.jsonl', rollout!.line),
      k: 4,
      temperature: 1,
      maxTokens: null,
      seed: 7,
    });
    const { status, step } = await new RunDirectory(files, runDirectory).record();
    assert.equal(status, 'running', `answered at update ${step}`);
    // Weighed as in an update of this question alone: w = A / N.
    const alone = rollout!.rationales.map((each) => ({
      ...each,
      weight: each.weight! * each.made!.questions,
      made: { ...each.made!, questions: 1 },
    }));
    assert.equal(rollout!.rationales[0]!.made!.questions, 2);
    assertClose(sampled, { ...rollout!, rationales: alone }, 1e-5);
    assert.deepEqual((await ended).outcome, { type: 'ok' });
  });

  it('says what a run will take before anything is loaded, and refuses one that cannot fit', async () => {
    const jobId = studio.nextJob();
    const first = studio.next('progress', jobId);
    const source = { kind: 'inline' as const, config: tinyRunConfig(studio.folder), baseDirectory: studio.folder };
    const before = (await readdir(join(studio.folder, 'runs'))).length;
    const overrides = { tokenBudget: 1_000_000_000 };
    const failure = await studio.client.request('train', { jobId, source, overrides }).then(
      () => null,
      (error: unknown) => (error instanceof EngineRequestError ? error.failure : error),
    );
    const { phase, memory } = await first;
    assert.equal(phase, 'preparing');
    assert.ok(memory !== undefined && memory.needed > memory.available && memory.available > 0);
    assert.equal((failure as EngineFailure).code, 'model-too-large');
    assert.match(
      (failure as EngineFailure).reason,
      /model needs [\d.]+ GB to [\d.]+ GB of memory \(at most: weights .*\), but [\d.]+ GB are free/,
    );
    assert.equal((await readdir(join(studio.folder, 'runs'))).length, before, 'nothing was written');
  });

  it('stopped, saves a checkpoint; resumed, gives the bytes of the uninterrupted run', async () => {
    const { jobId, runDirectory, ended } = await studio.train({ checkpoints: { every: 100 } });
    await studio.next('runEvent', jobId, ({ event }) => event.type === 'step');
    assert.deepEqual(await studio.client.request('stop', { jobId }), { found: true });
    assert.deepEqual((await ended).outcome, { type: 'cancelled' });
    const stopped = new RunDirectory(files, runDirectory);
    assert.equal((await stopped.record()).status, 'stopped');
    assert.ok((await stopped.checkpoints.steps()).length > 0, 'what was done is saved');

    const resumed = await studio.resume(runDirectory);
    assert.deepEqual((await resumed.ended).outcome, { type: 'ok' });
    assert.deepEqual(await runFingerprint(files, runDirectory), await runFingerprint(files, run.path));
  });

  it('paused, saves a checkpoint and lets others train; continued, gives the bytes of the run that never paused', async () => {
    const { jobId, runDirectory, ended } = await studio.train({ checkpoints: { every: 100 } });
    await studio.next('runEvent', jobId, ({ event }) => event.type === 'step');
    const rests = studio.next('jobChanged', jobId, ({ state }) => state === 'paused');
    assert.deepEqual(await studio.client.request('pause', { jobId }), { found: true });
    await rests;
    const paused = new RunDirectory(files, runDirectory);
    const { step } = await paused.record();
    assert.deepEqual(await paused.checkpoints.steps(), [step], 'what was done is saved');
    const other = await studio.train({ steps: 1 });
    assert.deepEqual((await other.ended).outcome, { type: 'ok' });
    assert.equal((await paused.record()).step, step);
    const next = studio.next('progress', jobId, ({ done, ratePerSecond }) => done > step && ratePerSecond !== null);
    assert.deepEqual(await studio.client.request('continue', { jobId }), { found: true });
    await next;
    assert.deepEqual((await ended).outcome, { type: 'ok' });
    assert.deepEqual(await runFingerprint(files, runDirectory), await runFingerprint(files, run.path));
  });

  it('rolls a run back to a checkpoint it kept, from where it gives the same bytes again', async () => {
    const { runDirectory, ended } = await studio.train({ checkpoints: { every: 1, keep: 3 } });
    await ended;
    const rolled = new RunDirectory(files, runDirectory);
    assert.deepEqual(await rolled.checkpoints.steps(), [1, 2, 3]);
    const back = (step: number) => studio.client.request('rollBack', { jobId: studio.nextJob(), runDirectory, step });
    const before = await runFingerprint(files, runDirectory);
    await assert.rejects(back(7), (error: EngineRequestError) => /Roll back to one of: 1, 2, 3/.test(error.message));
    assert.deepEqual(await runFingerprint(files, runDirectory), before, 'nothing was changed');
    assert.deepEqual(await back(1), { step: 1 });
    const { status, step, gain } = await rolled.record();
    assert.deepEqual({ status, step, gain }, { status: 'stopped', step: 1, gain: null });
    assert.deepEqual([await rolled.checkpoints.steps(), await rolled.rolloutSteps()], [[1], [1]]);
    assert.deepEqual(await rolled.evaluationNames(), ['base-test']);
    const resumed = await studio.resume(runDirectory);
    assert.deepEqual((await resumed.ended).outcome, { type: 'ok' });
    assert.deepEqual(await runFingerprint(files, runDirectory), before);
  });

  it('does not roll back a run that is being written', async () => {
    const { jobId, runDirectory, ended } = await studio.train({ steps: 12 });
    await studio.next('runEvent', jobId, ({ event }) => event.type === 'step');
    const back = studio.client.request('rollBack', { jobId: studio.nextJob(), runDirectory, step: 2 });
    await assert.rejects(back, (error: EngineRequestError) => error.failure.code === 'run-locked');
    assert.deepEqual((await ended).outcome, { type: 'ok' });
  });

  it('exports an adapter and a merged model that answer as the checkpoint does, and nothing over what is there', async () => {
    const out = (name: string) => join(studio.folder, 'exported', name);
    const exported = (to: 'adapter' | 'merged', name: string, checkpoint: number | null = null) =>
      studio.client.request('exportRun', {
        jobId: studio.nextJob(),
        runDirectory: run.path,
        to,
        out: out(name),
        checkpoint,
      });
    const { best, step } = await run.record();
    assert.deepEqual(await exported('adapter', 'adapter'), { step: best?.step ?? step });
    assert.deepEqual(await exported('merged', 'merged', 2), { step: 2 });
    const row = await studio.row('test.jsonl', 1);
    const score = async (weights: Weights) => {
      const request = { jobId: studio.nextJob(), weights, row, text: 'one two three' };
      return (await studio.client.request('scoreRationale', request)).selfReward;
    };
    const model = join(studio.folder, 'model');
    const ofRun = (checkpoint: string) => score({ kind: 'run', runDirectory: run.path, checkpoint });
    const adapter = await score({ kind: 'model', model, adapter: out('adapter') });
    assertClose(adapter, await ofRun(`step-${best?.step ?? step}`), 1e-5);
    assertClose(await score({ kind: 'model', model: out('merged'), adapter: null }), await ofRun('step-2'), 1e-4);
    await assert.rejects(exported('merged', 'adapter'), (error: EngineRequestError) => /not empty/.test(error.message));
    await assert.rejects(exported('adapter', 'none', 77), (error: EngineRequestError) =>
      /update 77/.test(error.message),
    );
    assert.equal(existsSync(out('none')), false);
  });

  it('evaluates a checkpoint as the run itself did', async () => {
    const own = (await run.evaluationNames()).filter((name) => name.endsWith('-test'));
    assert.equal(own.length, 2);
    for (const name of own) {
      const expected = await run.evaluation(name);
      const checkpoint = expected!.checkpoint;
      const { summary, file } = await evaluate({ kind: 'run', runDirectory: run.path, checkpoint });
      assert.equal(dirname(file), run.evaluationsFolder);
      assertClose(await rowsOf(file), await run.evaluationRows(name), 1e-5);
      assert.equal(summary.settings, undefined, 'the run says how it was asked');
      const { name: newName, seconds: _, ...figures } = summary;
      const { name: __, seconds: ___, ...expectedFigures } = expected!;
      assertClose(figures, expectedFigures, 1e-5);
      assert.deepEqual(await run.evaluation(newName), summary, 'it is listed with the evaluations of the run');
    }
  });

  it('evaluates a model folder, some questions from the top', async () => {
    const weights = { kind: 'model', model: join(studio.folder, 'model'), adapter: null } as const;
    const { summary, file } = await evaluate(weights, 2);
    assert.equal(summary.questions, 2);
    assert.equal(summary.checkpoint, 'base');
    assert.equal(dirname(file), join(studio.folder, '.latro', 'evaluations'));
    assert.deepEqual(
      (await rowsOf(file)).map(({ line }) => line),
      [1, 2],
    );
    const { settings } = summary;
    const { templates, evaluation } = (await run.record()).config;
    const { temperature, extractor } = evaluation;
    assert.deepEqual(
      [settings?.model, settings?.adapter, settings?.temperature, settings?.extractor, settings?.format],
      [weights.model, null, temperature, extractor, 'starter'],
    );
    assert.deepEqual(settings?.templates, templates);
  });

  it('keeps evaluations apart that are made within one second', async () => {
    const weights = { kind: 'model', model: join(studio.folder, 'model'), adapter: null } as const;
    const made = [];
    for (let i = 0; i < 4; i++) made.push(await evaluate(weights, 1));
    assert.equal(new Set(made.map(({ file }) => file)).size, 4);
    for (const { file, summary } of made) {
      assert.equal((await rowsOf(file)).length, 1);
      assert.equal(basename(file), `${summary.name}.jsonl`);
    }
  });

  it('names the adapter in an evaluation of a model with one', async () => {
    const adapter = join(studio.folder, 'An adapter');
    const jobId = studio.nextJob();
    const request = { runDirectory: run.path, to: 'adapter', out: adapter, checkpoint: null } as const;
    await studio.client.request('exportRun', { jobId, ...request });
    const weights = { kind: 'model', model: join(studio.folder, 'model'), adapter } as const;
    const { summary, file } = await evaluate(weights, 2);
    assert.equal(summary.settings?.adapter, adapter);
    assert.match(basename(file), /^model-an-adapter-test-\d{8}-\d{6}\.jsonl$/);
  });

  it('reads latro.json, paths from its folder on, and merges what the client changes', async () => {
    const folder = join(studio.folder, 'elsewhere');
    await mkdir(folder);
    const config = { ...tinyRunConfig(studio.folder), model: '../model', outputDirectory: 'out', steps: 50 };
    const path = join(folder, 'latro.json');
    await writeFile(path, JSON.stringify(config));
    const jobId = studio.nextJob();
    const ended = studio.next('jobEnded', jobId);
    const overrides = { steps: 1, sampling: { rationalesPerQuestion: 2 } };
    const source = { kind: 'file', path } as const;
    const { runDirectory } = await studio.client.request('train', { jobId, source, overrides });
    assert.equal(dirname(runDirectory), join(folder, 'out'));
    assert.deepEqual((await ended).outcome, { type: 'ok' });
    const record = await new RunDirectory(files, runDirectory).record();
    assert.equal(record.step, 1);
    const { rationalesPerQuestion, maxRationaleTokens } = record.config.sampling;
    assert.deepEqual([rationalesPerQuestion, maxRationaleTokens], [2, 24]);
  });

  for (const [what, overrides, code, reason] of [
    ['K = 1', { sampling: { rationalesPerQuestion: 1 } }, 'config-invalid', /rationalesPerQuestion/],
    ['a misspelt setting', { sampling: { temprature: 1 } }, 'config-invalid', /temprature/],
    ['no model', { model: 'nowhere' }, 'model-not-found', /nowhere/],
    ['no dataset', { dataset: { train: 'nowhere.jsonl' } }, 'dataset-not-found', /nowhere\.jsonl/],
  ] as const) {
    it(`refuses ${what} and leaves nothing behind`, async () => {
      const outputDirectory = join(studio.folder, 'refused');
      await assert.rejects(studio.train({ ...overrides, outputDirectory }), (error: EngineRequestError) => {
        assert.equal(error.failure.code, code);
        assert.match(error.failure.reason, reason);
        return true;
      });
      assert.equal(existsSync(outputDirectory), false);
    });
  }

  it('refuses to resume what is no run, or a run on other questions', async () => {
    const refused = (code: string) => (error: EngineRequestError) => error.failure.code === code;
    await assert.rejects(studio.resume(join(studio.folder, 'model')), refused('run-not-found'));
    const test = join(studio.folder, 'test.jsonl');
    const before = await readFile(test, 'utf8');
    await writeFile(test, before.replace('what', 'how much'));
    await assert.rejects(studio.resume(run.path), (error: EngineRequestError) => {
      assert.equal(error.failure.code, 'run-identity');
      return /testSha256/.test(error.failure.reason);
    });
    await writeFile(test, before);
  });

  async function evaluate(weights: Weights, questions: number | null = null) {
    const dataset = join(studio.folder, 'test.jsonl');
    const jobId = studio.nextJob();
    return studio.client.request('evaluate', { jobId, weights, dataset, format: 'auto', questions, k: 2 });
  }
});

async function rowsOf(file: string): Promise<EvaluationRow[]> {
  assert.ok(existsSync(file.replace(/\.jsonl$/, '.json')), `${basename(file)} has its summary beside it`);
  return (await readJsonLines(files, file, v.parser(EvaluationRow))).records;
}
