/** What was sampled, edited and traced on request outlives the window, within bounds, whatever happens to the disk. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { RationaleStore } from '../../src/extension/rationales/rationale_store.ts';
import type { RationaleSet } from '../../src/protocol/rationale_messages.ts';
import { PowerLossFileSystem } from '../support/power_loss_file_system.ts';
import { keptSnapshot } from '../webview/fixtures/rationales.ts';

const FOLDER = path.resolve('/w/.latro/rationales');
const sampled = keptSnapshot.current!;
/** Nothing in it is of a person. */
const plain = { ...sampled, rationales: sampled.rationales.filter(({ origin }) => origin !== 'edited') };
const edited = { ...plain, rationales: plain.rationales.map((each) => ({ ...each, origin: 'edited' as const })) };
const plainUnder = (checkpoint: string): RationaleSet => ({ ...plain, checkpoint });
const under = (checkpoint: string): RationaleSet => ({ ...sampled, checkpoint });
const keptBy = (owner: string, set = sampled) => ({ owner, set });
const trace = {
  owner: 'run-1',
  checkpoint: 'step-40',
  rationale: 'again/0',
  scores: [{ tokens: 0, logProb: -3 }],
  by: 'step-40',
};

describe('rationales kept beside the runs', () => {
  let files: PowerLossFileSystem;
  let warnings: string[];
  type Parameters = ConstructorParameters<typeof RationaleStore>;
  const open = (bounds?: Parameters[3], pins?: Parameters[4]) =>
    new RationaleStore(files, FOLDER, (message) => warnings.push(message), bounds, pins);
  beforeEach(() => {
    files = new PowerLossFileSystem();
    warnings = [];
  });

  it('are there after a reload of the window: sampled again, edited, pinned and traced, each with its owner', async () => {
    const store = open();
    await store.addSet('row-a', keptBy('run-1'));
    await store.addSet('row-a', keptBy('/models/m', under('base')));
    await store.addTrace('row-a', trace);
    await store.addSet('row-b', keptBy('run-1', under('step-20')));
    const again = await open().of('row-a');
    assert.deepEqual(
      again.sets.map(({ owner, set }) => [owner, set.checkpoint]),
      [
        ['run-1', 'step-40'],
        ['/models/m', 'base'],
      ],
    );
    assert.deepEqual(again.sets[0]?.set, sampled);
    assert.deepEqual(again.traces, [trace]);
    assert.deepEqual((await open().of('row-b')).sets.length, 1);
    assert.deepEqual((await open().of('row-c')).sets, []);
    assert.deepEqual(warnings, []);
  });

  it('hold one set per weights, and give it up when it is discarded, with its file when nothing is left', async () => {
    const store = open();
    await store.addSet('row-a', keptBy('run-1'));
    await store.addSet('row-a', keptBy('run-1', { ...sampled, temperature: 0.1 }));
    assert.deepEqual(
      (await open().of('row-a')).sets.map(({ set }) => set.temperature),
      [0.1],
    );
    await store.removeSet('row-a', { owner: 'run-1', checkpoint: 'step-40' });
    assert.deepEqual((await open().of('row-a')).sets, []);
    assert.deepEqual(await files.list(FOLDER), ['index.json']);
  });

  it('keep what a person wrote under weights that a roll back replaced, and nothing else of them', async () => {
    const store = open();
    const made = (weights: string, set: RationaleSet) => ({ ...keptBy('run-1', set), weights });
    const under = async () => (await open().of('row-a')).sets.map(({ weights }) => weights);
    await store.addSet('row-a', made('first', plain));
    await store.addSet('row-a', made('second', edited));
    assert.deepEqual(await under(), ['second']);
    await store.addSet('row-a', made('third', plain));
    assert.deepEqual(await under(), ['second', 'third']);
    await store.removeSet('row-a', { owner: 'run-1', checkpoint: 'step-40', weights: 'third' });
    assert.deepEqual(await under(), ['second']);
    await store.removeSet('row-a', { owner: 'run-1', checkpoint: 'step-40', weights: 'second' });
    assert.deepEqual(await under(), []);
  });

  it('keep within their bounds: the questions touched longest ago go first, and in one question the oldest sets', async () => {
    const bytes = JSON.stringify(plain).length;
    const store = open({ questions: 3, bytes: 100 * bytes, bytesPerQuestion: 2.5 * bytes });
    for (const row of ['a', 'b', 'c']) await store.addSet(row, keptBy('run-1', plain));
    await store.addSet('a', keptBy('run-1', plainUnder('step-20')));
    await store.addSet('d', keptBy('run-1', plain));
    assert.deepEqual(await files.list(FOLDER), ['a.json', 'c.json', 'd.json', 'index.json']);
    assert.deepEqual((await store.of('b')).sets, [], 'not in memory either');
    for (const step of [60, 80]) await store.addSet('a', keptBy('run-1', plainUnder(`step-${step}`)));
    assert.deepEqual(
      (await open().of('a')).sets.map(({ set }) => set.checkpoint),
      ['step-60', 'step-80'],
    );
    const small = open({ questions: 100, bytes: 2.2 * bytes, bytesPerQuestion: bytes / 2 });
    await small.addSet('e', keptBy('run-1', plain));
    assert.equal((await open().of('e')).sets.length, 1, 'the newest set always stays');
    const left = (await files.list(FOLDER)).filter((name) => name !== 'index.json');
    const sizes = await Promise.all(left.map(async (name) => (await files.status(path.join(FOLDER, name)))!.bytes));
    assert.ok(left.includes('e.json') && sizes.reduce((a, b) => a + b, 0) <= 2.3 * bytes, `${left}`);
  });

  it('give up traces and plain samples before what a person wrote, and never what has just been added', async () => {
    const bytes = Buffer.byteLength(JSON.stringify(keptBy('run-1', edited)));
    const store = open({ questions: 9, bytes: 100 * bytes, bytesPerQuestion: 2.3 * bytes });
    await store.addSet('a', keptBy('run-1', { ...edited, checkpoint: 'base' }));
    await store.addSet('a', keptBy('run-1', { ...plain, checkpoint: 'step-20' }));
    await store.addTrace('a', trace);
    await store.addSet('a', keptBy('run-1', { ...plain, checkpoint: 'step-40' }));
    const names = async () => (await open().of('a')).sets.map(({ set }) => set.checkpoint);
    assert.deepEqual(await names(), ['base', 'step-40']);
    assert.deepEqual((await open().of('a')).traces, []);
    const long = Array.from({ length: 400 }, (_, tokens) => ({ tokens, logProb: -1.25 }));
    await store.addTrace('a', { ...trace, scores: long });
    assert.equal((await open().of('a')).traces.length, 1, 'it was asked for just now');
    assert.deepEqual(await names(), ['base'], 'a plain sample went for it');
  });

  it('hold the largest sets of three weights side by side, in any script', async () => {
    const [record] = sampled.rationales;
    const tokens = Array.from({ length: 500 }, () => record!.record.tokens[0]!);
    const large = { ...record!, record: { ...record!.record, text: '因此答案是'.repeat(100), tokens } };
    const rationales = Array.from({ length: 64 }, (_, k) => ({ ...large, id: `large-${k}` }));
    const store = open();
    for (const checkpoint of ['base', 'step-20', 'step-40'])
      await store.addSet('a', keptBy('run-1', { ...sampled, checkpoint, rationales }));
    await store.addTrace('a', trace);
    const { sets, traces } = await open().of('a');
    assert.deepEqual([sets.length, traces.length], [3, 1]);
  });

  it('are counted anew where the index is lost', async () => {
    const bytes = JSON.stringify(plain).length;
    for (const row of ['a', 'b', 'c']) await open().addSet(row, keptBy('run-1', plain));
    await files.remove(path.join(FOLDER, 'index.json'));
    await open({ questions: 2, bytes: 100 * bytes, bytesPerQuestion: 3 * bytes }).addSet('d', keptBy('run-1', plain));
    const left = await files.list(FOLDER);
    assert.equal(left.length, 3, `${left}`);
    assert.ok(left.includes('d.json'));
  });

  it('never go while a person wrote or pinned something in them, not even where the index does not know', async () => {
    const bounds = { questions: 1, bytes: 1e9, bytesPerQuestion: 1 };
    const pins = () => ({ pinned: [plain.rationales[0]!.id] });
    const store = open(bounds, pins);
    await store.addSet('written', keptBy('run-1', edited));
    await store.addSet('pinned', keptBy('run-1', plain));
    await store.addSet('sampled', keptBy('run-1', plain));
    const left = async () => (await files.list(FOLDER)).filter((name) => name !== 'index.json');
    await store.addSet('sampled since', keptBy('run-1', plain));
    assert.deepEqual(await left(), ['pinned.json', 'sampled since.json', 'written.json']);
    await files.remove(path.join(FOLDER, 'index.json'));
    await open(bounds, pins).addSet('sampled last', keptBy('run-1', plain));
    assert.deepEqual(await left(), ['pinned.json', 'sampled last.json', 'written.json']);
    for (const row of ['written', 'pinned']) {
      await open(bounds, pins).addSet(row, keptBy('run-1', plainUnder('step-60')));
      await open(bounds, pins).addSet(row, keptBy('run-1', plainUnder('step-80')));
    }
    const names = async (row: string) => (await open().of(row)).sets.map(({ set }) => set.checkpoint);
    assert.deepEqual(await names('written'), ['step-40', 'step-80'], 'of one question either');
    // The ids of the samples are the same under all weights here.
    assert.deepEqual(await names('pinned'), ['step-40', 'step-60', 'step-80']);
  });

  it('leave room for samples however much a person wrote and pinned', async () => {
    const bytes = Buffer.byteLength(JSON.stringify(keptBy('run-1', edited)));
    const pins = Object.fromEntries([0, 1, 2].map((n) => [`pinned ${n}`, [plain.rationales[0]!.id]]));
    const store = open({ questions: 2, bytes: 2.5 * bytes, bytesPerQuestion: 2 * bytes }, () => pins);
    for (const n of [0, 1, 2]) {
      await store.addSet(`written ${n}`, keptBy('run-1', edited));
      await store.addSet(`pinned ${n}`, keptBy('run-1', plain));
    }
    for (const n of [0, 1, 2]) await store.addSet(`sampled ${n}`, keptBy('run-1', plain));
    const left = (await files.list(FOLDER)).filter((name) => name !== 'index.json');
    assert.equal(left.length, 8, `${left}`);
    assert.ok(!left.includes('sampled 0.json'));
  });

  it('are asked only once whose they are where the index does not know, and for the pins once a change', async () => {
    const rows = ['a', 'b', 'c', 'd'];
    for (const row of rows) await open().addSet(row, keptBy('run-1', edited));
    await files.remove(path.join(FOLDER, 'index.json'));
    const reads: string[] = [];
    const read = files.read.bind(files);
    files.read = (...of) => {
      reads.push(path.basename(of[0]));
      return read(...of);
    };
    let asked = 0;
    const pins = () => {
      asked++;
      return {};
    };
    const bounds = { questions: 1, bytes: 1e9, bytesPerQuestion: 1e9 };
    await open(bounds, pins).addSet('e', keptBy('run-1', plain));
    assert.deepEqual(
      rows.filter((row) => !reads.includes(`${row}.json`)),
      [],
    );
    reads.length = asked = 0;
    await open(bounds, pins).addSet('f', keptBy('run-1', plain));
    assert.deepEqual(reads, ['f.json', 'index.json']);
    assert.ok(asked <= 2, `${asked}`);
  });

  it('lose nothing that was kept before when the power fails', async () => {
    await open().addSet('row-a', keptBy('run-1'));
    for (const uniform of [0, 0.3, 0.7, 0.99]) {
      files.losePower(() => uniform);
      assert.deepEqual((await open().of('row-a')).sets[0]?.set, sampled);
    }
  });

  it('move a file that cannot be read aside, say so, and start anew', async () => {
    await open().addSet('row-a', keptBy('run-1'));
    const file = path.join(FOLDER, 'row-a.json');
    const handle = await files.open(file, 'replace');
    await handle.write(new TextEncoder().encode('{"version":1,"sets":[{}]}'));
    await handle.close();
    const store = open();
    assert.deepEqual((await store.of('row-a')).sets, []);
    assert.match(warnings.join(), /row-a\.json cannot be read/);
    await store.addSet('row-a', keptBy('run-1'));
    assert.deepEqual(await files.list(FOLDER), ['index.json', 'row-a.json', 'row-a.json.unreadable']);
  });

  it('of two windows on one folder add up: each reads what the other has written, before a change and when it shows them', async () => {
    const [one, other] = [open(), open()];
    await one.addSet('row-a', keptBy('run-1'));
    assert.equal((await other.of('row-a')).sets.length, 1);
    await other.addSet('row-a', keptBy('run-1', under('step-20')));
    await one.addTrace('row-a', trace); // one has shown the row, and not since
    for (const store of [one, other, open()]) {
      const { sets, traces } = await store.of('row-a');
      assert.deepEqual([sets.map(({ set }) => set.checkpoint), traces], [['step-40', 'step-20'], [trace]]);
    }
    await other.removeSet('row-a', { owner: 'run-1', checkpoint: 'step-40' });
    assert.deepEqual(
      (await one.of('row-a')).sets.map(({ set }) => set.checkpoint),
      ['step-20'],
    );
    await Promise.all([one.addSet('row-b', keptBy('run-1')), one.addSet('row-b', keptBy('run-2'))]);
    assert.equal((await other.of('row-b')).sets.length, 2);
  });

  it('are read again only when their file has changed', async () => {
    await open().addSet('row-a', keptBy('run-1'));
    const read = files.read.bind(files);
    let reads = 0;
    files.read = (...of) => {
      reads++;
      return read(...of);
    };
    const store = open();
    for (let i = 0; i < 3; i++) assert.equal((await store.of('row-a')).sets.length, 1);
    assert.equal(reads, 1);
    await store.addTrace('row-a', trace);
    const before = reads;
    assert.deepEqual((await store.of('row-a')).traces, [trace]);
    assert.equal(reads, before, 'what this window wrote');
  });

  it('are in memory even where the disk refuses', async () => {
    const store = open();
    files.rename = () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
    await assert.rejects(store.addSet('row-a', keptBy('run-1')), /full/);
    assert.equal((await store.of('row-a')).sets.length, 1);
    await assert.rejects(store.addTrace('row-a', trace), /full/);
    assert.deepEqual((await store.of('row-a')).traces, [trace], 'beside what was refused before');
  });
});
