import assert from 'node:assert/strict';
import { LatroError } from '../../src/engine/common/errors.ts';
import { atomicWrite } from '../../src/engine/common/file_system.ts';
import { readRunConfig } from '../../src/engine/runs/config_file.ts';
import { compareIdentity, gatherIdentity, notBitExact } from '../../src/engine/runs/identity.ts';
import { evaluationName } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import type { RunIdentity } from '../../src/protocol/run_record.ts';
import { PowerLossFileSystem } from '../support/power_loss_file_system.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { newToyRun, TOY_CONFIG, toyRollout, toyTrain, toyWorld, UNKNOWN_IDENTITY } from '../support/toy_run.ts';

describe('the runs of a folder', () => {
  let disk: PowerLossFileSystem;
  beforeEach(() => {
    disk = new PowerLossFileSystem();
  });

  it('get ids that say when and what, and never share one', async () => {
    const world = {
      ...toyWorld(disk),
      clock: { now: () => 0, monotonic: () => 0, iso: () => '2026-11-21T22:01:02.345Z' },
    };
    const store = new RunStore(world, '/w/.latro/runs');
    const ids = [];
    for (let i = 0; i < 3; i++) {
      const writer = await store.create(TOY_CONFIG, UNKNOWN_IDENTITY);
      ids.push(writer.record.id);
      assert.equal(writer.directory.id, writer.record.id);
      await writer.release();
    }
    assert.deepEqual(ids, [
      '20261121-220102-latro-toy-model',
      '20261121-220102-latro-toy-model-2',
      '20261121-220102-latro-toy-model-3',
    ]);
    assert.deepEqual(
      (await store.list()).runs.map((run) => run.id),
      ids.toReversed(),
      'newest first',
    );
  });

  it('are found by id or path; otherwise the message says which was meant', async () => {
    const store = new RunStore(toyWorld(disk), '/runs');
    await assert.rejects(
      store.find('nothing'),
      (error: LatroError) => error.code === 'run-not-found' && /no runs yet/.test(error.nextStep),
    );
    const { directory, release } = await newToyRun(toyWorld(disk), '/runs').then((writer) => ({
      directory: writer.directory,
      release: () => writer.release(),
    }));
    assert.equal((await store.find(directory.id)).path, directory.path);
    assert.equal((await store.find(directory.path)).path, directory.path);
    await assert.rejects(store.find(`${directory.id.slice(0, -1)}x`), (error: LatroError) =>
      error.nextStep.includes(directory.id),
    );
    await release();
  });

  it('show what became of each: running, interrupted, finished', async () => {
    const world = toyWorld(disk);
    const store = new RunStore(world, '/runs');
    const status = async () => (await store.list()).runs.map((run) => run.status);
    const writer = await newToyRun(world, '/runs');
    assert.deepEqual(await status(), ['running']);
    await assert.rejects(store.open(writer.directory.id), (error: LatroError) => error.code === 'run-locked');
    await writer.release();
    assert.deepEqual(await status(), ['interrupted']);
    const gone = await new RunStore(toyWorld(disk, 999), '/runs').open(writer.directory.id);
    assert.deepEqual(await status(), ['interrupted'], 'its lock is there, its process is not');
    await gone.release();
    const again = await store.open(writer.directory.id);
    await toyTrain(again, true, disk);
    assert.deepEqual(await status(), ['finished']);
    const [summary] = (await store.list()).runs;
    assert.equal(summary?.step, 6);
    assert.equal(summary?.phase, 'finished');
    assert.deepEqual(summary?.best, again.record.best);
  });

  it('that cannot be read are listed as such and hide no other', async () => {
    const world = toyWorld(disk);
    const store = new RunStore(world, '/runs');
    const [one, two, three] = [
      await newToyRun(world, '/runs'),
      await newToyRun(world, '/runs'),
      await newToyRun(world, '/runs'),
    ];
    for (const writer of [one, two, three]) await writer.release();
    await disk.truncate(one.directory.recordFile, 100);
    await atomicWrite(disk, two.directory.recordFile, JSON.stringify({ ...two.record, formatVersion: 2 }));
    await disk.makeDirectory('/runs/not-a-run');
    const { runs, unreadable } = await store.list();
    assert.deepEqual(
      runs.map((run) => run.id),
      [three.record.id],
    );
    assert.match(unreadable.find(({ id }) => id === one.record.id)?.reason ?? '', /run\.json cannot be read/);
    assert.match(unreadable.find(({ id }) => id === two.record.id)?.reason ?? '', /format version 2/);
    assert.equal(unreadable.length, 2);
  });

  it('can be followed while they grow', async () => {
    const writer = await newToyRun(toyWorld(disk), '/runs');
    await writer.append({ type: 'phase', phase: 'training' });
    const first = await writer.directory.events();
    assert.equal(first.records.length, 1);
    await writer.append({ type: 'health', step: 1, check: 'truncation', message: 'm', cure: 'c' });
    const second = await writer.directory.events(first.end);
    assert.deepEqual(
      second.records.map((event) => event.type),
      ['health'],
    );
    await writer.writeRollouts(3, [toyRollout(3), toyRollout(3)]);
    assert.deepEqual(await writer.directory.rollouts(3), [toyRollout(3), toyRollout(3)]);
    await writer.release();
  });

  it('refuse records with numbers that JSON cannot hold', async () => {
    const writer = await newToyRun(toyWorld(disk), '/runs');
    const rollout = { ...toyRollout(1), noRationaleLogProb: Number.NEGATIVE_INFINITY };
    await assert.rejects(writer.writeRollouts(1, [rollout]), { code: 'non-finite' });
    assert.deepEqual(await writer.directory.rolloutSteps(), []);
    await writer.release();
  });

  it('continue an evaluation at the question it was stopped at', async () => {
    const writer = await newToyRun(toyWorld(disk), '/runs');
    await toyTrain(writer, false, disk);
    const whole = await runFingerprint(disk, writer.directory.path);
    const { directory } = writer;
    const name = evaluationName(null, 'validation');
    const rows = await directory.evaluationRows(name);
    // Stopped in its first evaluation, one row in.
    for (const step of await directory.checkpoints.steps()) await directory.checkpoints.remove(step);
    await disk.truncate(directory.eventsFile, 0);
    await disk.remove(directory.evaluationFile(name, 'json'));
    await disk.truncate(
      directory.evaluationFile(name, 'jsonl'),
      new TextEncoder().encode(JSON.stringify(rows[0])).length + 1,
    );
    const again = await new RunStore(toyWorld(disk), '/runs').open(directory.path);
    await toyTrain(again, true, disk);
    assert.deepEqual(await directory.evaluationRows(name), rows);
    assert.deepEqual(await runFingerprint(disk, directory.path), whole);
  });
});

describe('the identity of a run', () => {
  const known: RunIdentity = {
    ...UNKNOWN_IDENTITY,
    modelWeightsSha256: 'aa',
    trainSha256: 'bb',
    device: 'cpu',
    threads: 2,
    packageVersion: '1.0.0',
  };
  const saved = { config: TOY_CONFIG, identity: known };

  it('is equal to itself, and an unknown field is no difference', () => {
    assert.deepEqual(compareIdentity(saved, saved), []);
    assert.deepEqual(compareIdentity(saved, { config: TOY_CONFIG, identity: UNKNOWN_IDENTITY }), []);
    assert.deepEqual(compareIdentity({ config: TOY_CONFIG, identity: UNKNOWN_IDENTITY }, saved), []);
  });

  it('refuses what changes results, naming the field and both values', () => {
    const refusal = (current: typeof saved) => {
      try {
        compareIdentity(saved, current);
      } catch (error) {
        assert(error instanceof LatroError && error.code === 'run-identity');
        return error.reason;
      }
      return assert.fail('accepted');
    };
    assert.match(
      refusal({ ...saved, identity: { ...known, modelWeightsSha256: 'cc' } }),
      /modelWeightsSha256 = aa.*cc/,
    );
    assert.match(refusal({ ...saved, identity: { ...known, trainSha256: 'cc' } }), /trainSha256 = bb.*cc/);
    assert.match(refusal({ ...saved, config: { ...TOY_CONFIG, seed: 43 } }), /seed = 42.*43/);
    assert.match(
      refusal({ ...saved, config: { ...TOY_CONFIG, trainable: { kind: 'full' } } }),
      /trainable\.kind = "lora".*"full"/,
    );
    assert.match(
      refusal({ ...saved, config: { ...TOY_CONFIG, optimizer: { ...TOY_CONFIG.optimizer, learningRate: 0.5 } } }),
      /optimizer\.learningRate = 0\.00001.*0\.5/,
    );
    assert.match(refusal({ ...saved, config: { ...TOY_CONFIG, adapter: '/new' } }), /adapter = not set/);
  });

  it('warns where only rounding may differ, and is silent where nothing can', () => {
    const rounding = compareIdentity(saved, {
      identity: { ...known, device: 'webgpu', threads: 4, packageVersion: '1.0.1' },
      config: { ...TOY_CONFIG, tokenBudget: 7, threads: 4 },
    });
    assert.equal(rounding.length, 5);
    for (const each of rounding) assert.match(notBitExact(each), /^Not bit-exact: \w+ was .* and is .*\.$/);
    const silent = compareIdentity(saved, {
      identity: known,
      config: {
        ...TOY_CONFIG,
        model: '/elsewhere',
        dataset: { ...TOY_CONFIG.dataset, train: '/moved.jsonl' },
        outputDirectory: '/out',
        health: { stopOn: ['guessing'] },
        checkpoints: { every: 1, keep: 9 },
      },
    });
    assert.deepEqual(silent, []);
  });

  it('hashes what the run reads', async () => {
    const disk = new PowerLossFileSystem();
    await disk.makeDirectory('/models/Toy Model');
    await disk.makeDirectory('/data');
    await atomicWrite(disk, '/models/Toy Model/config.json', '{}');
    const environment = { device: 'cpu', threads: 2, packageVersion: '0.1.0', onnxruntimeVersion: '1.30.0' };
    const gather = () => gatherIdentity(disk, TOY_CONFIG, environment);
    assert.equal(
      (await gather()).modelConfigSha256,
      '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
    );
    assert.equal((await gather()).modelWeightsSha256, null);
    assert.equal((await gather()).nodeVersion, process.version);
    await atomicWrite(disk, '/models/Toy Model/model-1.safetensors', 'one');
    await atomicWrite(disk, '/models/Toy Model/model-2.safetensors', 'two');
    const index = { weight_map: { b: 'model-2.safetensors', a: 'model-1.safetensors', c: 'model-1.safetensors' } };
    await atomicWrite(disk, '/models/Toy Model/model.safetensors.index.json', JSON.stringify(index));
    const sharded = (await gather()).modelWeightsSha256;
    assert.match(sharded ?? '', /^[0-9a-f]{64}$/);
    await atomicWrite(disk, '/models/Toy Model/model-2.safetensors', 'too');
    assert.notEqual((await gather()).modelWeightsSha256, sharded);
  });
});

describe('latro.json on disk', () => {
  const read = async (text: string) => {
    const disk = new PowerLossFileSystem();
    await disk.makeDirectory('/a folder');
    await atomicWrite(disk, '/a folder/latro.json', text);
    return readRunConfig(disk, '/a folder/latro.json');
  };

  it('is read with its paths relative to its folder', async () => {
    const { config } = await read('\ufeff{"model": "m", "dataset": {"train": "d/t.jsonl"}}');
    assert.match(config.model, /a folder.m$/);
    assert.match(config.dataset.train, /a folder.d.t\.jsonl$/);
  });

  it('that is missing or no JSON is refused in one sentence', async () => {
    await assert.rejects(
      read('{"model": }'),
      (error: LatroError) => error.code === 'config-invalid' && /latro\.json is not valid JSON/.test(error.reason),
    );
    await assert.rejects(
      readRunConfig(new PowerLossFileSystem(), '/latro.json'),
      (error: LatroError) => error.code === 'config-invalid' && /no configuration file/.test(error.reason),
    );
  });
});
