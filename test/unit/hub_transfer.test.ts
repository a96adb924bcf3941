import assert from 'node:assert/strict';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { Cancelled, LatroError } from '../../src/engine/common/errors.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import {
  assertNothingWrong,
  filesBelow,
  hostedModel,
  NEEDED,
  noise,
  pullFrom,
  temporaryFolder,
  testWorld,
} from '../support/hub_pull.ts';
import { type HubRequest, HubServer, type Misbehaviour } from '../support/hub_server.ts';

const WEIGHTS = 'model.safetensors';
const BYTES = 40_000;

describe('transferring files from a hub that misbehaves', () => {
  let server: HubServer;
  let scratch: Awaited<ReturnType<typeof temporaryFolder>>;
  let folder: string;
  const repository = hostedModel();
  before(async () => {
    server = await HubServer.start();
  });
  after(() => server.stop());
  beforeEach(async () => {
    server.reset();
    server.host(repository);
    scratch = await temporaryFolder();
    folder = join(scratch.path, 'small');
  });
  afterEach(() => scratch.remove());

  const isWeights = ({ what, path }: HubRequest) => what === 'bytes' && path === WEIGHTS;
  const weightsRequests = () => server.requests.filter(isWeights);

  /** Misbehaves at successive requests for the weights, then behaves. */
  function atWeights(...wrongs: (Misbehaviour | null)[]): void {
    const left = [...wrongs];
    server.misbehave = (request) => (isWeights(request) ? (left.shift() ?? null) : null);
  }

  /** Leaves a pull behind whose weights were cut, as a process does that ends there. */
  async function interrupted(after: number, etag: string | null = 'as it is'): Promise<void> {
    let requests = 0;
    server.misbehave = (request) => (isWeights(request) && requests++ === 0 ? { kind: 'end-early', after } : null);
    const ended = new Error('the process ends here');
    const sleep = () => (requests > 0 ? Promise.reject(ended) : Promise.resolve());
    const world = testWorld(undefined, { sleep });
    await assert.rejects(pullFrom(server, 'someone/small', folder, { world }), ended);
    if (etag !== 'as it is') {
      const path = join(folder, `${WEIGHTS}.partial.origin`);
      await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), etag }));
    }
    server.misbehave = () => null;
    server.requests = [];
    server.bytesSent = 0;
  }

  async function pullsWhole(world = testWorld()): Promise<number> {
    const { bytesTransferred } = await pullFrom(server, 'someone/small', folder, { world });
    await assertNothingWrong(folder, repository);
    assert.deepEqual(await filesBelow(folder), [...NEEDED, 'latro-source.json'].sort());
    return bytesTransferred;
  }

  it('goes on where it was cut, within a pull and in the next one', async () => {
    atWeights(
      { kind: 'end-early', after: 10_000 },
      { kind: 'end-early', after: 20_000 },
      { kind: 'end-early', after: 1000 },
    );
    await pullsWhole();
    const requests = weightsRequests();
    assert.deepEqual(
      requests.map(({ range }) => range),
      [undefined, 'bytes=10000-', 'bytes=30000-', 'bytes=31000-'],
    );
    for (const { acceptEncoding } of requests) assert.match(acceptEncoding ?? '', /^identity(, identity)?$/);
    const etag = requests[1]?.ifRange;
    assert.match(etag ?? '', /^"[0-9a-f]{64}"$/);
    assert.deepEqual(
      requests.map(({ ifRange }) => ifRange),
      [undefined, etag, etag, etag],
    );
  });

  it('goes on in the next pull with what the last one left', async () => {
    await interrupted(25_000);
    assert.equal(await pullsWhole(), BYTES - 25_000);
    assert.deepEqual(
      weightsRequests().map(({ range }) => range),
      ['bytes=25000-'],
    );
    assert.equal(server.bytesSent, BYTES - 25_000);
  });

  it('begins again when the ETag has changed since', async () => {
    await interrupted(25_000, '"another"');
    assert.equal(await pullsWhole(), BYTES);
    assert.deepEqual(
      weightsRequests().map(({ ifRange }) => ifRange),
      ['"another"'],
    );
  });

  it('begins again when a server sends the range of another ETag all the same', async () => {
    await interrupted(25_000);
    atWeights({ kind: 'etag', value: '"another"', ignoresIfRange: true });
    assert.equal(await pullsWhole(), BYTES);
    assert.deepEqual(
      weightsRequests().map(({ range }) => range),
      ['bytes=25000-', undefined],
    );
  });

  it('goes on without a strong ETag: the hash decides', async () => {
    await interrupted(25_000, null);
    assert.equal(await pullsWhole(), BYTES - 25_000);
    assert.deepEqual(
      weightsRequests().map(({ range, ifRange }) => [range, ifRange]),
      [['bytes=25000-', undefined]],
    );
  });

  for (const wrong of [
    { kind: 'ignore-range' },
    { kind: 'refuse-range' },
    { kind: 'shift-range', by: 100 },
    { kind: 'gzip' },
  ] as const) {
    it(`begins again when the server does this with the range: ${wrong.kind}`, async () => {
      await interrupted(25_000);
      atWeights(wrong);
      assert.equal(await pullsWhole(), BYTES);
    });
  }

  it('takes no more than the file from a server that sends more', async () => {
    await interrupted(0);
    atWeights({ kind: 'too-long', by: 5000 });
    assert.equal(await pullsWhole(), BYTES);
  });

  it('does not take what has its full length but is not the file', async () => {
    await interrupted(0);
    atWeights({ kind: 'zeros' });
    assert.equal(await pullsWhole(), 2 * BYTES);
  });

  for (const [what, fill] of [
    ['zeros', 0],
    ['other bytes', 9],
  ] as const) {
    it(`does not take a leftover of full length that holds ${what}`, async () => {
      await interrupted(25_000);
      await writeFile(join(folder, `${WEIGHTS}.partial`), new Uint8Array(BYTES).fill(fill));
      assert.equal(await pullsWhole(), BYTES);
    });
  }

  it('does not take a leftover of another content', async () => {
    await interrupted(25_000);
    const path = join(folder, `${WEIGHTS}.partial.origin`);
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), digest: '0'.repeat(64) }));
    assert.equal(await pullsWhole(), BYTES);
    assert.deepEqual(
      weightsRequests().map(({ range }) => range),
      [undefined],
    );
  });

  it('does not take a leftover whose origin cannot be read, or that is too long', async () => {
    await interrupted(25_000);
    await writeFile(join(folder, `${WEIGHTS}.partial.origin`), '{"etag":');
    assert.equal(await pullsWhole(), BYTES);
    await rm(join(folder, WEIGHTS));
    await interrupted(25_000);
    await writeFile(join(folder, `${WEIGHTS}.partial`), noise(2, BYTES + 1));
    assert.equal(await pullsWhole(), BYTES);
  });

  it('gives up a file that comes wrong again and again, and says what was promised', async () => {
    server.misbehave = (request) => (isWeights(request) ? { kind: 'corrupt', at: 123 } : null);
    await expectLatroError(
      () => pullFrom(server, 'someone/small', folder),
      'download-damaged',
      WEIGHTS,
      '2 times',
      'sha256',
    );
    assert.equal(weightsRequests().length, 2);
    await assertNothingWrong(folder, repository);
    assert.ok(!(await filesBelow(folder)).includes(WEIGHTS));
  });

  it('a corrupted small file is found by its git id', async () => {
    server.misbehave = ({ what, path }) =>
      what === 'bytes' && path === 'tokenizer.json' ? { kind: 'corrupt', at: 5 } : null;
    await expectLatroError(
      () => pullFrom(server, 'someone/small', folder),
      'download-damaged',
      'tokenizer.json',
      'git-blob',
    );
    await assertNothingWrong(folder, repository);
  });

  it('a length that is not the promised one is not even begun, and keeps what has arrived', async () => {
    await interrupted(25_000, '"another"');
    server.misbehave = (request) => (isWeights(request) ? { kind: 'wrong-length', difference: 7 } : null);
    await expectLatroError(() => pullFrom(server, 'someone/small', folder), 'download-failed', '40007', '40000');
    assert.equal((await stat(join(folder, `${WEIGHTS}.partial`))).size, 25_000);
  });

  it('a connection that brings nothing counts as cut', async () => {
    atWeights({ kind: 'stall', after: 5000 }, { kind: 'stall', after: 0 });
    await pullsWhole(testWorld(undefined, { stallMilliseconds: 400 }));
    assert.deepEqual(
      weightsRequests().map(({ range }) => range),
      [undefined, 'bytes=5000-', 'bytes=5000-'],
    );
  });

  it('many cuts are survived as long as each brings something', async () => {
    server.misbehave = (request) => (isWeights(request) ? { kind: 'end-early', after: 1500 } : null);
    await pullsWhole();
    assert.equal(weightsRequests().length, Math.ceil(BYTES / 1500));
  });

  it('waits 1, 2, 4, 8 s and then gives up, with what has arrived kept', async () => {
    await interrupted(25_000);
    server.misbehave = (request) => (isWeights(request) ? { kind: 'cut', after: 0 } : null);
    const world = testWorld();
    await expectLatroError(() => pullFrom(server, 'someone/small', folder, { world }), 'download-failed', 'failed');
    assert.deepEqual(world.waits.slice(-4), [1000, 2000, 4000, 8000]);
    assert.equal((await stat(join(folder, `${WEIGHTS}.partial`))).size, 25_000);
  });

  it('waits as long as the hub asks, and not longer than anybody would', async () => {
    const limited = (headers: Record<string, string>) => ({ kind: 'status', status: 429, headers }) as const;
    atWeights(limited({ 'retry-after': '17' }), limited({ ratelimit: '"resolvers";r=0;t=55' }));
    const world = testWorld();
    await pullFrom(server, 'someone/small', folder, { world });
    const asked = world.waits.filter((wait) => wait > 8000);
    assert.deepEqual(asked, [17_000, 55_000]);
    server.misbehave = () => limited({ 'retry-after': '3600' });
    const error = await expectLatroError(
      () => pullFrom(server, 'someone/small', folder, { world }),
      'hub-rate-limited',
      '60 min',
    );
    assert.match(error.nextStep, /access token/);
    assert.ok(!world.waits.includes(3_600_000));
  });

  it('stops at once when cancelled, wherever it is, and goes on later', async () => {
    const stops: ((request: HubRequest) => boolean)[] = [
      ({ what }) => what === 'info',
      ({ what }) => what === 'tree',
      ({ what, path }) => what === 'resolve' && path === 'tokenizer.json',
      isWeights,
    ];
    for (const isLast of stops) {
      const controller = new AbortController();
      server.misbehave = (request) => {
        if (!isLast(request)) return null;
        setTimeout(() => controller.abort(), 20);
        return request.what === 'bytes' ? { kind: 'stall', after: 8000 } : { kind: 'status', status: 503 };
      };
      const world = testWorld(undefined, {
        stallMilliseconds: 60_000,
        sleep: (_, signal) =>
          new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted')))),
      });
      await assert.rejects(pullFrom(server, 'someone/small', folder, { world, signal: controller.signal }), Cancelled);
      await assertNothingWrong(folder, repository);
    }
    assert.equal((await stat(join(folder, `${WEIGHTS}.partial`))).size, 8000);
    server.misbehave = () => null;
    server.bytesSent = 0;
    await pullsWhole();
    assert.equal(server.bytesSent, BYTES - 8000);
    await assert.rejects(pullFrom(server, 'someone/small', folder, { signal: AbortSignal.abort() }), Cancelled);
  });

  it('cancelled while a file is being verified, it keeps the file', async () => {
    const controller = new AbortController();
    await assert.rejects(
      pullFrom(server, 'someone/small', folder, {
        signal: controller.signal,
        progress: ({ phase, file, bytesDone, bytesTotal }) => {
          if (phase === 'verifying' && file === WEIGHTS && bytesDone === bytesTotal) controller.abort();
        },
      }),
      Cancelled,
    );
    server.bytesSent = 0;
    await pullsWhole();
    assert.equal(server.bytesSent, 0);
  });

  it('whatever the hub does, no file ever bears its name wrongly, and in the end all are there', async () => {
    const at = fc.integer({ min: 0, max: 12_000 });
    const misbehaviour: fc.Arbitrary<Misbehaviour | null> = fc.oneof(
      { weight: 3, arbitrary: fc.constant(null) },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('cut' as const), after: at }) },
      fc.record({ kind: fc.constant('end-early' as const), after: at }),
      fc.record({ kind: fc.constant('corrupt' as const), at }),
      fc.record({ kind: fc.constant('wrong-length' as const), difference: fc.integer({ min: -3000, max: 3000 }) }),
      fc.record({ kind: fc.constant('too-long' as const), by: fc.integer({ min: 1, max: 3000 }) }),
      fc.record({ kind: fc.constant('shift-range' as const), by: fc.integer({ min: -500, max: 500 }) }),
      fc.record({
        kind: fc.constant('etag' as const),
        value: fc.constantFrom('"a"', '"b"', 'W/"a"', '', null),
        ignoresIfRange: fc.boolean(),
      }),
      fc.record({
        kind: fc.constant('status' as const),
        status: fc.constantFrom(200, 204, 206, 304, 403, 404, 416, 429, 500),
      }),
      fc.record({
        kind: fc.constantFrom('zeros' as const, 'ignore-range' as const, 'refuse-range' as const, 'gzip' as const),
      }),
    );
    let [finished, failed] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.array(misbehaviour, { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 0, max: 12_000 }),
        fc.integer({ min: 0, max: 3000 }),
        async (wrongs, weights, tokenizer) => {
          const small = hostedModel({ [WEIGHTS]: noise(1, weights), 'tokenizer.json': noise(2, tokenizer) });
          for (const path of [
            'LICENSE',
            'README.md',
            'chat_template.jinja',
            'tokenizer_config.json',
            'special_tokens_map.json',
            'generation_config.json',
          ])
            small.files.delete(path);
          server.reset();
          server.host(small);
          const target = await temporaryFolder();
          try {
            const left = [...wrongs];
            server.misbehave = ({ what }) => (what === 'bytes' ? (left.shift() ?? null) : null);
            let whole = false;
            for (let pulls = 0; !whole && pulls <= wrongs.length; pulls++) {
              try {
                await pullFrom(server, 'someone/small', target.path);
                whole = true;
                finished++;
              } catch (error) {
                if (!(error instanceof LatroError)) throw error;
                failed++;
              }
              await assertNothingWrong(target.path, small);
            }
            assert.ok(whole, 'it gets there once the hub behaves');
            assert.deepEqual(await filesBelow(target.path), [
              'config.json',
              'latro-source.json',
              WEIGHTS,
              'tokenizer.json',
            ]);
            server.misbehave = () => null;
            server.bytesSent = 0;
            assert.equal((await pullFrom(server, 'someone/small', target.path)).bytesTransferred, 0);
            assert.equal(server.bytesSent, 0);
          } finally {
            await target.remove();
          }
        },
      ),
      { numRuns: 40 },
    );
    assert.equal(finished, 40, `${failed} pulls failed on the way`);
  }).timeout(120_000);
});
