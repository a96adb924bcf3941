/** What a pull leaves on disk when the disk, the process or the power fails. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LatroError } from '../../src/engine/common/errors.ts';
import type { FileSystem } from '../../src/engine/common/file_system.ts';
import { RandomStream } from '../../src/engine/common/random.ts';
import { verifiedSha256 } from '../../src/engine/hub/verify_file.ts';
import { Crash, FaultyFileSystem, failEveryCall } from '../support/faulty_file_system.ts';
import { hosted, noise, pullFrom, testWorld } from '../support/hub_pull.ts';
import { HubServer, sha256 } from '../support/hub_server.ts';
import { PowerLossFileSystem } from '../support/power_loss_file_system.ts';

describe('pulling onto a disk that fails', () => {
  const SOURCE = 'datasets/a/rows';
  const repository = hosted('dataset', 'a/rows', {
    'main/train.jsonl': noise(1, 3000),
    'test.parquet': noise(2, 2000),
  });
  const NAMES = [...repository.files.keys()];
  /** The process that the fault ends. */
  const ENDED = 999;
  let server: HubServer;
  before(async () => {
    server = await HubServer.start();
  });
  after(() => server.stop());
  beforeEach(() => {
    server.reset();
    server.host(repository);
    // Cut in the middle, so that a pull also goes through its steps of resuming.
    let cuts = 0;
    server.misbehave = ({ what, path }) =>
      what === 'bytes' && path === 'test.parquet' && cuts++ % 2 === 0 ? { kind: 'end-early', after: 700 } : null;
  });

  it('at whichever call it fails or ends, nothing wrong bears a name, and the next pull ends well', async () => {
    const failed = await failEveryCall(
      [{ kind: 'crash' }, { kind: 'error', code: 'ENOSPC' }, { kind: 'error', code: 'EIO' }],
      async () => {
        const disk = new PowerLossFileSystem();
        return { world: disk, files: disk };
      },
      async (_, files) => {
        await pullFrom(server, SOURCE, '/data/rows', { world: testWorld(files, {}, ENDED) });
      },
      async (disk, error, fault) => {
        const known = error instanceof LatroError || error instanceof Crash || /EIO/.test(`${error}`);
        assert.ok(error === undefined || known, `${fault.kind} at ${fault.at}: ${error}`);
        if (error instanceof LatroError) assert.equal(error.code, 'disk-full');
        await assertWhole(disk);
        const { record } = await pullFrom(server, SOURCE, '/data/rows', { world: testWorld(disk) });
        assert.notEqual(record.finished, null);
        assert.deepEqual(await assertWhole(disk), NAMES);
        const names = (await disk.list('/data/rows')).filter((name) => !/^\.|\.lock$/.test(name));
        assert.deepEqual(names, ['latro-source.json', 'main', 'test.parquet']);
        assert.deepEqual(await disk.list('/data/rows/main'), ['train.jsonl']);
      },
    );
    assert.ok(failed > 60, `only ${failed} calls failed`);
  }).timeout(120_000);

  it('whenever the power goes, what bears a name is whole, and so is what a record calls finished', async () => {
    const calls = await callsOfOnePull();
    let losses = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: calls + 1 }), fc.nat(), async (at, seed) => {
        const disk = new PowerLossFileSystem();
        const random = new RandomStream(seed);
        const world = testWorld(new FaultyFileSystem(disk, { at, kind: 'crash' }), {}, ENDED);
        await pullFrom(server, SOURCE, '/data/rows', { world }).catch((error: unknown) => {
          if (!(error instanceof Crash)) throw error;
        });
        disk.losePower(() => random.next());
        losses++;
        await assertWhole(disk);
        await pullFrom(server, SOURCE, '/data/rows', { world: testWorld(disk) });
        assert.deepEqual(await assertWhole(disk), NAMES);
      }),
      { numRuns: 100 },
    );
    assert.equal(losses, 100);
  }).timeout(120_000);

  async function callsOfOnePull(): Promise<number> {
    const files = new FaultyFileSystem(new PowerLossFileSystem());
    await pullFrom(server, SOURCE, '/data/rows', { world: testWorld(files) });
    return files.calls;
  }

  /** Names of the files that are there, every one of them checked. */
  async function assertWhole(disk: FileSystem): Promise<string[]> {
    const there: string[] = [];
    for (const [path, content] of repository.files) {
      if ((await disk.status(`/data/rows/${path}`)) === null) continue;
      const expected = { bytes: content.length, digest: { kind: 'sha256', hex: sha256(content) } } as const;
      assert.notEqual(await verifiedSha256(disk, `/data/rows/${path}`, expected, undefined), null, path);
      there.push(path);
    }
    if ((await disk.status('/data/rows/latro-source.json')) !== null) {
      const record = JSON.parse(new TextDecoder().decode(await disk.read('/data/rows/latro-source.json')));
      if (record.finished !== null) assert.deepEqual(there, NAMES);
    }
    return there;
  }
});
