import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PullProgress } from '../../src/engine/hub/progress_meter.ts';
import { eventually } from '../support/eventually.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import {
  assertNothingWrong,
  COMMIT,
  filesBelow,
  hosted,
  hostedModel,
  NEEDED,
  noise,
  OTHER_COMMIT,
  pullFrom,
  TOKEN,
  temporaryFolder,
  testWorld,
} from '../support/hub_pull.ts';
import { HubServer, sha256 } from '../support/hub_server.ts';

describe('pulling a repository', () => {
  let server: HubServer;
  let scratch: Awaited<ReturnType<typeof temporaryFolder>>;
  let folder: string;
  before(async () => {
    server = await HubServer.start();
  });
  after(() => server.stop());
  beforeEach(async () => {
    server.reset();
    scratch = await temporaryFolder();
    folder = join(scratch.path, 'models', 'small');
  });
  afterEach(() => scratch.remove());

  it('brings the needed files of a model, whole, and records commit, sizes and hashes', async () => {
    const repository = hostedModel();
    server.host(repository);
    const { record, bytesTransferred } = await pullFrom(server, 'someone/small', folder);
    assert.deepEqual(await filesBelow(folder), [...NEEDED, 'latro-source.json'].sort());
    await assertNothingWrong(folder, repository);
    assert.deepEqual(JSON.parse(await readFile(join(folder, 'latro-source.json'), 'utf8')), record);
    const { started, finished, files, ...rest } = record;
    assert.deepEqual(rest, { version: 1, kind: 'model', name: 'someone/small', revision: 'main', commit: COMMIT });
    assert.ok(Date.parse(started) <= Date.parse(finished ?? ''));
    const expected = NEEDED.map((path) => {
      const content = repository.files.get(path) as Uint8Array;
      return { path, bytes: content.length, sha256: sha256(content) };
    });
    assert.deepEqual(
      files.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
      expected,
    );
    assert.equal(
      bytesTransferred,
      expected.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    assert.equal(server.bytesSent, bytesTransferred);
  });

  it('a second pull transfers nothing, and with a commit asks nothing', async () => {
    server.host(hostedModel());
    const first = await pullFrom(server, 'someone/small', folder);
    server.requests = [];
    server.bytesSent = 0;
    const second = await pullFrom(server, 'someone/small@main', folder);
    assert.equal(second.bytesTransferred, 0);
    assert.deepEqual(second.record, first.record);
    assert.deepEqual(
      server.requests.map(({ what }) => what),
      ['info'],
      'only where main stands',
    );
    server.requests = [];
    assert.equal((await pullFrom(server, `someone/small@${COMMIT}`, folder)).bytesTransferred, 0);
    assert.deepEqual(server.requests, []);
    assert.equal(server.bytesSent, 0);
  });

  it('replaces what is damaged since: cut short, in length but zero, gone', async () => {
    const repository = hostedModel();
    server.host(repository);
    await pullFrom(server, 'someone/small', folder);
    await writeFile(join(folder, 'model.safetensors'), new Uint8Array(40_000));
    await writeFile(join(folder, 'tokenizer.json'), noise(1, 3000).subarray(0, 2999));
    const { bytesTransferred, record } = await pullFrom(server, `someone/small@${COMMIT}`, folder);
    assert.equal(bytesTransferred, 43_000);
    assert.notEqual(record.finished, null);
    await assertNothingWrong(folder, repository);
    assert.deepEqual(await filesBelow(folder), [...NEEDED, 'latro-source.json'].sort());
  });

  it('what is damaged does not keep its name until its replacement has come', async () => {
    const repository = hostedModel();
    server.host(repository);
    await pullFrom(server, 'someone/small', folder);
    await writeFile(join(folder, 'model.safetensors'), new Uint8Array(40_000));
    server.misbehave = ({ what }) => (what === 'resolve' ? { kind: 'status', status: 503 } : null);
    await expectLatroError(() => pullFrom(server, 'someone/small', folder), 'hub-unavailable');
    await assertNothingWrong(folder, repository);
    assert.equal(JSON.parse(await readFile(join(folder, 'latro-source.json'), 'utf8')).finished, null);
  });

  it('brings exactly the shards that the index names', async () => {
    const index = {
      metadata: {},
      weight_map: {
        a: 'model-00001-of-00002.safetensors',
        b: 'model-00002-of-00002.safetensors',
        c: 'model-00001-of-00002.safetensors',
      },
    };
    const repository = hostedModel({
      'model.safetensors.index.json': JSON.stringify(index),
      'model-00001-of-00002.safetensors': noise(6, 5000),
      'model-00002-of-00002.safetensors': noise(7, 4000),
      'consolidated.safetensors': noise(8, 9000),
    });
    repository.files.delete('model.safetensors');
    server.host(repository);
    await pullFrom(server, 'someone/small', folder);
    const shards = [
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
    ];
    const others = NEEDED.filter((name) => name !== 'model.safetensors');
    assert.deepEqual(await filesBelow(folder), [...others, ...shards, 'latro-source.json'].sort());
    await assertNothingWrong(folder, repository);
  });

  for (const [what, name] of [
    ['missing', 'model-2.safetensors'],
    ['outside', '../model.safetensors'],
    ['pickled', 'pytorch_model.bin'],
    ['in a subfolder', 'onnx/model.onnx'],
  ] as const) {
    it(`refuses an index whose shard is ${what}`, async () => {
      const repository = hostedModel({ 'model.safetensors.index.json': JSON.stringify({ weight_map: { a: name } }) });
      repository.files.delete('model.safetensors');
      server.host(repository);
      await expectLatroError(() => pullFrom(server, 'someone/small', folder), 'model-damaged', name, 'index.json');
      assert.ok(!server.requests.some(({ path }) => path === name));
    });
  }

  it('brings the rows of a dataset from all its folders, and nothing that describes it', async () => {
    const repository = hosted('dataset', 'openai/gsm8k', {
      'README.md': '# GSM8K',
      'main/train-00000-of-00001.parquet': noise(1, 2000),
      'main/test-00000-of-00001.parquet': noise(2, 1000),
      'extra/rows ü&#%.jsonl': '{"question":"1+1?","answer":"2"}\n',
      'dataset_infos.json': '{}',
      '.cache/x.json': '{}',
      'gsm8k.py': 'import os',
      'rows.pkl': noise(3, 10),
    });
    repository.revisions.v1 = OTHER_COMMIT;
    server.host(repository);
    const { record } = await pullFrom(server, 'datasets/openai/gsm8k@v1', folder);
    const rows = ['extra/rows ü&#%.jsonl', 'main/test-00000-of-00001.parquet', 'main/train-00000-of-00001.parquet'];
    assert.deepEqual(await filesBelow(folder), ['README.md', ...rows, 'latro-source.json'].sort());
    await assertNothingWrong(folder, repository);
    assert.deepEqual([record.revision, record.commit], ['v1', OTHER_COMMIT]);
  });

  it('asks for a revision with slashes as one', async () => {
    const repository = hosted('dataset', 'squad', { 'train/0000.parquet': noise(1, 100) });
    repository.revisions['refs/convert/parquet'] = COMMIT;
    server.host(repository);
    const { record } = await pullFrom(server, 'datasets/squad@refs/convert/parquet', folder);
    assert.equal(record.commit, COMMIT);
  });

  it('refuses pickles, whatever they are called, and what is no model or no dataset', async () => {
    const without = (name: string, files: Record<string, string>, ...gone: string[]) => {
      const repository = hostedModel(files, name);
      for (const path of gone) repository.files.delete(path);
      server.host(repository);
    };
    without('a/pickled', {}, 'model.safetensors');
    without('a/pth', { 'consolidated.00.pth': 'x' }, 'model.safetensors', 'pytorch_model.bin');
    without('a/gguf', { 'model.gguf': 'GGUF' }, 'model.safetensors', 'pytorch_model.bin');
    without('a/no-tokenizer', {}, 'tokenizer.json');
    without('a/no-config', {}, 'config.json');
    server.host(hosted('dataset', 'a/pickles', { 'train.pkl': 'x' }));
    server.host(hosted('dataset', 'a/csv', { 'train.csv': 'x' }));
    await expectLatroError(() => pullFrom(server, 'a/pickled', folder), 'pickle-refused', 'pytorch_model.bin');
    await expectLatroError(() => pullFrom(server, 'a/pth', folder), 'pickle-refused', 'consolidated.00.pth');
    await expectLatroError(() => pullFrom(server, 'a/gguf', folder), 'model-unsupported', 'neither');
    await expectLatroError(() => pullFrom(server, 'a/no-tokenizer', folder), 'model-unsupported', 'no tokenizer.json');
    await expectLatroError(() => pullFrom(server, 'a/no-config', folder), 'model-unsupported', 'no config.json');
    await expectLatroError(() => pullFrom(server, 'datasets/a/pickles', folder), 'pickle-refused', 'train.pkl');
    await expectLatroError(() => pullFrom(server, 'datasets/a/csv', folder), 'dataset-format', 'refs/convert/parquet');
    assert.deepEqual(await readdir(scratch.path), [], 'not even a folder');
    assert.equal(server.bytesSent, 0);
  });

  for (const name of [
    '../out.jsonl',
    'a/../../out.jsonl',
    '/etc/out.jsonl',
    'C:\\out.jsonl',
    'C:out.jsonl',
    '..\\out.jsonl',
    'a\\..\\..\\out.jsonl',
    '\\\\host\\share\\out.jsonl',
    'a//out.jsonl',
    'CON.jsonl',
    'x/nul.json',
    'x.jsonl:stream.json',
    'a\u0000.jsonl',
    'a\n.jsonl',
    'a\u202elnosj.jsonl',
    'a ./x.jsonl',
    `${'long/'.repeat(100)}x.jsonl`,
  ]) {
    it(`writes nothing of a dataset with a file ${JSON.stringify(name).slice(0, 40)}`, async () => {
      server.host(hosted('dataset', 'a/hostile', { 'good.jsonl': '{}', [name]: 'out' }));
      await expectLatroError(
        () => pullFrom(server, 'datasets/a/hostile', folder),
        'download-failed',
        'may not be written',
      );
      assert.deepEqual(await readdir(scratch.path), []);
    });
  }

  for (const names of [
    ['Train.jsonl', 'train.jsonl'],
    ['é.jsonl', 'e\u0301.jsonl'],
    ['a.json', 'A.JSON/b.json'],
  ]) {
    it(`writes nothing of a dataset with both ${names.join(' and ')}`, async () => {
      server.host(hosted('dataset', 'a/twins', Object.fromEntries(names.map((name) => [name, name]))));
      await expectLatroError(() => pullFrom(server, 'datasets/a/twins', folder), 'download-failed', 'the same');
      assert.deepEqual(await readdir(scratch.path), []);
    });
  }

  it('leaves alone a folder whose files nobody pulled, and one that holds something else', async () => {
    server.host(hostedModel());
    server.host(hostedModel({}, 'someone/else'));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'model.safetensors'), 'my own');
    await expectLatroError(() => pullFrom(server, 'someone/small', folder), 'bad-request', 'model.safetensors');
    assert.equal(await readFile(join(folder, 'model.safetensors'), 'utf8'), 'my own');
    await expectLatroError(
      () => pullFrom(server, 'someone/small', join(folder, 'model.safetensors')),
      'bad-request',
      'not a folder',
    );

    const other = join(scratch.path, 'other');
    await pullFrom(server, 'someone/small', other);
    await expectLatroError(
      () => pullFrom(server, 'someone/else', other),
      'bad-request',
      'someone/small@',
      'someone/else@',
    );
    await assertNothingWrong(other, hostedModel());
  });

  it('keeps to its commit: a moved branch needs another folder, an unfinished pull goes on where it was pinned', async () => {
    const repository = hostedModel();
    server.host(repository);
    server.misbehave = ({ what, path }) =>
      what === 'bytes' && path === 'model.safetensors' ? { kind: 'end-early', after: 5000 } : null;
    let attempts = 0;
    const stopAtOnce = testWorld(undefined, {
      sleep: async () => {
        if (++attempts > 3) throw new Error('the process ends here');
      },
    });
    await assert.rejects(pullFrom(server, 'someone/small', folder, { world: stopAtOnce }), /the process ends here/);
    assert.equal(JSON.parse(await readFile(join(folder, 'latro-source.json'), 'utf8')).finished, null);

    server.misbehave = () => null;
    repository.revisions.old = COMMIT;
    repository.revisions.main = OTHER_COMMIT;
    const { record } = await pullFrom(server, 'someone/small', folder);
    assert.equal(record.commit, COMMIT);
    await expectLatroError(() => pullFrom(server, 'someone/small', folder), 'bad-request', COMMIT, OTHER_COMMIT);
    assert.equal((await pullFrom(server, 'someone/small@old', folder)).bytesTransferred, 0);
  });

  it('refuses before the first byte when the disk is too small, with the numbers, and counts what has arrived', async () => {
    server.host(hostedModel({ 'model.safetensors': noise(2, 2_000_000) }));
    const free = (bytes: number) => ({ world: testWorld(undefined, { freeBytes: async () => bytes }) });
    await expectLatroError(
      () => pullFrom(server, 'someone/small', folder, free(500_000)),
      'disk-full',
      '2.1 MB',
      '0.5 MB',
      '1.6 MB',
    );
    assert.equal(server.bytesSent, 0);
    server.misbehave = ({ what, path }) =>
      what === 'bytes' && path === 'model.safetensors' ? { kind: 'end-early', after: 1_900_000 } : null;
    await assert.rejects(
      pullFrom(server, 'someone/small', folder, {
        world: testWorld(undefined, {
          freeBytes: async () => 3_000_000,
          sleep: () => Promise.reject(new Error('ended')),
        }),
      }),
      /ended/,
    );
    server.misbehave = () => null;
    await pullFrom(server, 'someone/small', folder, free(500_000));
    await assertNothingWrong(folder, hostedModel({ 'model.safetensors': noise(2, 2_000_000) }));
  });

  it('tells how far it is', async () => {
    server.host(hostedModel({ 'model.safetensors': noise(2, 1_000_000) }));
    const all: PullProgress[] = [];
    let time = 0;
    const clock = { now: () => 0, iso: () => '2026-11-21T22:01:02.000Z', monotonic: () => (time += 100) };
    await pullFrom(server, 'someone/small', folder, {
      world: testWorld(undefined, { clock }),
      progress: (one) => all.push(one),
    });
    const last = all.at(-1) as PullProgress;
    assert.equal(last.bytesDone, last.bytesTotal);
    assert.equal(last.files, NEEDED.length);
    assert.equal(last.fileNumber, NEEDED.length);
    assert.equal(last.file, 'model.safetensors');
    assert.equal(last.phase, 'verifying');
    const rated = all.filter((one) => one.bytesPerSecond !== null);
    assert.ok(rated.length > 0);
    for (const { bytesDone, bytesTotal, bytesPerSecond, secondsLeft } of rated) {
      assert.ok(bytesDone <= bytesTotal);
      assert.ok(Math.abs((secondsLeft as number) * (bytesPerSecond as number) - (bytesTotal - bytesDone)) < 1e-3);
    }
    for (const [i, one] of all.entries()) if (i > 0) assert.ok(one.bytesDone >= all[i - 1]!.bytesDone);
  });

  it('one at a time writes into a folder', async () => {
    server.host(hostedModel());
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.misbehave = ({ what }) => (what === 'resolve' ? { kind: 'status', status: 503 } : null);
    const first = pullFrom(server, 'someone/small', folder, { world: testWorld(undefined, { sleep: () => held }) });
    await eventually(() => server.requests.some(({ what }) => what === 'resolve'));
    await expectLatroError(() => pullFrom(server, 'someone/small', folder), 'run-locked', 'already being pulled');
    server.misbehave = () => null;
    release();
    await first;
    await assertNothingWrong(folder, hostedModel());
  });

  it('does not send the token over http to another machine', async () => {
    const elsewhere = { endpoint: 'http://mirror.example' } as HubServer;
    await expectLatroError(() => pullFrom(elsewhere, 'a/b', folder, { token: TOKEN }), 'bad-request', 'mirror.example');
  });
});
