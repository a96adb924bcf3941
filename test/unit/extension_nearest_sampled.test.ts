/** Where *Show Rationales* leads from a question without any. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { atomicWrite, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { rowAtLine } from '../../src/extension/dataset/dataset_rows.ts';
import { nearestSampled } from '../../src/extension/rationales/nearest_sampled.ts';
import { PanelChoices } from '../../src/extension/rationales/panel_choices.ts';
import { type Question, QuestionSource } from '../../src/extension/rationales/question_source.ts';
import { RatingStore } from '../../src/extension/rationales/rating_store.ts';
import { RationaleStore } from '../../src/extension/rationales/rationale_store.ts';
import { FakeDocument } from '../support/text_document.ts';
import { toyRollout, toyWorld, UNKNOWN_IDENTITY } from '../support/toy_run.ts';

const files = new NodeFileSystem();
const ROWS = Array.from({ length: 12 }, (_, n) => JSON.stringify({ question: `${n} + 1?`, answer: `${n + 1}` }));

describe('the nearest row that was sampled', () => {
  let folder: string;
  let text: FakeDocument;
  let store: RunStore;
  let state: Map<string, unknown>;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'latro-nearest-'));
    text = new FakeDocument(path.join(folder, 'train.jsonl'), ROWS);
    store = new RunStore(toyWorld(), path.join(folder, 'runs'));
    state = new Map();
  });
  afterEach(() => rm(folder, { recursive: true }));

  const questionAt = (line: number): Question => {
    const found = rowAtLine(text, line);
    assert.ok(found.kind === 'row');
    return { file: text.fileName, row: found.row, text: found.text };
  };
  /** A run that sampled, in updates from the first on, the rows that stood on these lines (0-based). */
  const newRun = async (...lines: readonly (readonly number[])[]): Promise<string> => {
    const dataset = { train: text.fileName, test: path.join(folder, 'test.jsonl') };
    const { config } = resolveRunConfig({ model: '/models/m', dataset, steps: 9 }, '/latro.json');
    const writer = await store.create(config, UNKNOWN_IDENTITY);
    for (const [index, sampled] of lines.entries()) {
      const step = index + 1;
      const rollouts = sampled.map((line) => ({ ...toyRollout(step), step, rowKey: questionAt(line).row.rowKey }));
      const written = rollouts.map((rollout) => `${JSON.stringify(rollout)}\n`).join('');
      await atomicWrite(files, writer.directory.rolloutFile(step), written);
    }
    await writer.close('finished');
    return writer.directory.id;
  };
  const open = async () => {
    const runs = {
      runs: (await store.list()).runs,
      directory: (run: { readonly directory: string }) => new RunDirectory(files, run.directory),
    };
    const memento = {
      get: <T>(key: string, fallback: T) => (state.get(key) as T | undefined) ?? fallback,
      update: async (key: string, value: unknown) => void state.set(key, value),
    };
    const source = new QuestionSource({
      runs,
      store: new RationaleStore(files, path.join(folder, 'rationales'), assert.fail),
      ratings: new RatingStore(files, () => systemClock.iso()),
      choices: new PanelChoices(memento),
      model: assert.fail,
    });
    return { runs, source };
  };
  /** Its question; undefined: the cursor stays. */
  const from = async (line: number, of: FakeDocument = text) =>
    (await nearestSampled(of, { line, character: 0 }, await open()))?.question;

  it('is one of the newest update, above or below', async () => {
    await newRun([1], [4, 9]);
    assert.equal(await from(0), '4 + 1?', 'not the nearer one of an older update');
    assert.equal(await from(5), '4 + 1?');
    assert.equal(await from(7), '9 + 1?');
    assert.equal(await from(11), '9 + 1?');
  });

  it('is the row under the cursor where that has rationales, under whichever weights', async () => {
    await newRun([1], [4]);
    assert.equal(await from(4), undefined);
    assert.equal(await from(1), undefined, 'sampled by an older update');
    const { source } = await open();
    const set = (await (await source.known(questionAt(4))).set('step-1'))!;
    await source.addSet(questionAt(7), await source.runOf({ file: text.fileName }), { ...set, checkpoint: 'base' });
    assert.equal(await from(7), undefined, 'sampled on request');
    assert.equal(await from(8), '4 + 1?');
  });

  it('is none where nothing was sampled: no run, none with rollouts, a test set, rows that are all others now', async () => {
    assert.equal(await from(0), undefined);
    await newRun();
    assert.equal(await from(0), undefined);
    await newRun([4]);
    assert.equal(await from(0, new FakeDocument(path.join(folder, 'test.jsonl'), ROWS)), undefined);
    assert.equal(await from(0), '4 + 1?');
    text.editLines(4, 4, [JSON.stringify({ question: 'another?', answer: '5' })]);
    assert.equal(await from(0), undefined);
  });

  it('is found by its key, where it has moved to', async () => {
    await newRun([2, 11]);
    text.editLines(0, 0, ['', ROWS[11]!, ROWS[0]!]);
    const row = await nearestSampled(text, { line: 2, character: 0 }, await open());
    assert.deepEqual([row?.question, row?.line], ['11 + 1?', 2]);
  });

  it('is looked for from a line that is no row, or a bad one', async () => {
    await newRun([6]);
    text.editLines(0, 1, ['', '{"question": ']);
    assert.equal(await from(0), '6 + 1?');
    assert.equal(await from(1), '6 + 1?');
  });

  it('is of the newest run with results, or of the one that a person chose', async () => {
    const older = await newRun([3]);
    await newRun([8]);
    await newRun();
    assert.equal(await from(0), '8 + 1?');
    await (await open()).source.chooseRun({ file: text.fileName }, older);
    assert.equal(await from(0), '3 + 1?');
  });
});
