/** What the side panel reads of the runs on disk: whose rationales, and which of them. */
import assert from 'node:assert/strict';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { atomicWrite, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import type { Question } from '../../src/extension/rationales/question_source.ts';
import { QuestionOnDisk } from '../support/question_on_disk.ts';

const files = new NodeFileSystem();

describe('what the side panel reads', () => {
  let disk: QuestionOnDisk;
  let dataset: string;
  let question: Question;
  beforeEach(async () => {
    disk = await QuestionOnDisk.create();
    ({ dataset, question } = disk);
  });
  afterEach(() => disk.remove());

  it('is the run of the hints: the newest that has results, not one that failed or has none yet', async () => {
    const older = await disk.newRun(1);
    await disk.record(older, 1, 'older');
    const failed = await disk.newRun(0, 'failed');
    const { source, draw, results } = await disk.open();
    assert.equal((await results.history(dataset))?.run?.id, older.id);
    const drawn = await draw();
    assert.deepEqual([drawn.run, drawn.runs], [older.id, [older.id]]);
    assert.equal(drawn.current?.rationales[0]?.record.text, 'older');
    assert.equal((await source.runOf({ file: path.join(disk.folder, 'other.jsonl') }))?.id, undefined);
    await disk.record(failed, 1, 'newer');
    const now = await disk.open();
    assert.equal((await now.results.history(dataset))?.run?.id, failed.id);
    assert.deepEqual([(await now.draw()).run, (await now.draw()).runs], [failed.id, [failed.id, older.id]]);
  });

  it('is there, and why its ratings are not, where their file cannot be read', async () => {
    await disk.record(await disk.newRun(1), 1, 'still shown');
    await writeFile(`${dataset}.ratings.json`, '{"version": 1, "ratings": [');
    const { source, draw } = await disk.open();
    assert.equal((await draw()).current?.rationales[0]?.record.text, 'still shown');
    const { ratings, ratingsError } = await source.marks(question, await source.runOf({ file: dataset }));
    assert.equal(ratings.size, 0);
    assert.match(String((ratingsError as Error).message), /train\.jsonl\.ratings\.json/);
  });

  it('is a run without results where no run has any: its weights can be asked', async () => {
    const only = await disk.newRun(0, 'failed');
    const drawn = await (await disk.open()).draw();
    assert.deepEqual([drawn.run, drawn.runs, drawn.current], [only.id, [only.id], null]);
  });

  it('is the run that was chosen, after a reload too, and the newest again when that one is chosen', async () => {
    const [first, second] = [await disk.newRun(1), await disk.newRun(1)];
    await disk.record(first, 1, 'first');
    await disk.record(second, 1, 'second');
    const { source, draw } = await disk.open();
    assert.equal((await draw()).current?.rationales[0]?.record.text, 'second');
    await source.chooseRun(question, first.id);
    assert.equal((await draw()).current?.rationales[0]?.record.text, 'first');
    const third = await disk.newRun(1);
    await disk.record(third, 1, 'third');
    const reloaded = await disk.open();
    const drawn = await reloaded.draw();
    assert.deepEqual([drawn.run, drawn.runs], [first.id, [third.id, second.id, first.id]]);
    await reloaded.source.chooseRun(question, third.id);
    await disk.record(await disk.newRun(1), 1, 'fourth');
    assert.equal(
      (await (await disk.open()).draw()).current?.rationales[0]?.record.text,
      'fourth',
      'follows newer runs',
    );
    await reloaded.source.chooseRun(question, second.id);
    await rm(second.path, { recursive: true });
    assert.equal(
      (await (await disk.open()).draw()).current?.rationales[0]?.record.text,
      'fourth',
      'the chosen one is gone',
    );
  });

  it('is the run that is meant, whichever is shown by itself by then', async () => {
    const older = await disk.newRun(1);
    await disk.record(older, 1, 'older');
    const { source } = await disk.open();
    const { set } = await source.known(question);
    await source.addSet(question, null, { ...(await set('base'))!, rationales: [] });
    await disk.record(await disk.newRun(1), 1, 'newer');
    const later = (await disk.open()).source;
    const textOf = async (run: string | null) =>
      (await (await later.known({ ...question, run })).set('base'))?.rationales[0]?.record.text;
    const meant = await later.known({ ...question, run: older.id });
    assert.deepEqual([meant.run?.id, meant.runs.length], [older.id, 2]);
    assert.equal(await textOf(older.id), 'older');
    assert.equal((await later.known({ ...question, run: null })).run, null);
    assert.deepEqual((await (await later.known({ ...question, run: null })).set('base'))?.rationales, []);
    assert.equal((await later.sampled({ ...question, run: older.id }, 1, 0))?.text, 'older');
    assert.equal(await textOf('a run that was removed'), 'newer');
  });

  it('is what the step that a person came from sampled, of an older run too', async () => {
    const older = await disk.newRun(3);
    for (const step of [1, 2, 3]) await disk.record(older, step, `older at ${step}`);
    const newest = await disk.newRun(1);
    await disk.record(newest, 1, 'newest at 1');
    const { source, draw } = await disk.open();
    const shown = async () => {
      const { run, current } = await draw();
      return [run, current?.checkpoint, current?.rationales[0]?.record.text];
    };
    assert.deepEqual(await shown(), [newest.id, 'base', 'newest at 1']);
    const { rowKey } = question.row;
    await source.chooseStep({ file: dataset, rowKey, runId: older.id, step: 2 });
    assert.deepEqual(await shown(), [older.id, 'step-1', 'older at 2']);
    await source.chooseStep({ file: dataset, rowKey, runId: newest.id, step: 1 });
    assert.deepEqual(await shown(), [newest.id, 'base', 'newest at 1']);
  });

  it('is what a run that was rolled back samples anew, in the panel and beside the row', async () => {
    const run = await disk.newRun(4);
    for (const step of [1, 2, 3, 4]) await disk.record(run, step, `first time ${step}`);
    const opened = await disk.open();
    const { source, draw, results } = opened;
    const { rowKey } = question.row;
    const ofRow = async () => (await results.detail(dataset, rowKey))?.rationales;
    const asked = async (checkpoint: string) => {
      const { run: of, set } = await source.known(question);
      const own = (await set(checkpoint))!;
      const edited = own.rationales.map((each) => ({
        ...each,
        record: { ...each.record, text: `asked ${checkpoint}` },
      }));
      await source.addSet(question, of, { ...own, rationales: edited });
      await source.addTrace(question, of, checkpoint, own.rationales[0]!.id, { scores: [], by: checkpoint });
    };
    for (const checkpoint of ['base', 'step-1', 'step-3']) await asked(checkpoint);
    const textOf = async (from: Awaited<ReturnType<typeof disk.open>>, checkpoint: string) =>
      (await (await from.source.known(question)).set(checkpoint))?.rationales[0]?.record.text;
    assert.equal((await draw()).current?.rationales[0]?.record.text, 'asked step-3');
    assert.equal((await draw()).discardable, true);
    const before = await results.of(dataset, [rowKey]);
    assert.ok(JSON.stringify(await ofRow()).includes('first time 4'));

    // Rolled back to step 1, as the engine does it.
    for (const step of [4, 3, 2]) await rm(run.rolloutFile(step));
    await disk.setStep(run, 1);
    const back = await disk.open();
    assert.deepEqual([...(await back.source.known(question)).sampled].sort(), ['base', 'step-1']);
    assert.deepEqual([await textOf(back, 'base'), await textOf(back, 'step-1')], ['asked base', 'asked step-1']);
    assert.deepEqual(
      [...(await back.source.marks(question, await back.source.runOf({ file: dataset }))).traces.keys()].length,
      2,
    );

    // And resumed: the same updates, other rationales.
    const right = { correct: true, selfReward: -0.125, reward: -0.125 };
    for (const step of [2, 3, 4]) {
      const text = `${JSON.stringify(disk.rolloutOf(step, `second time ${step}`, right))}\n`;
      await atomicWrite(files, run.rolloutFile(step), text);
    }
    await disk.setStep(run, 4);
    for (const window of [await disk.open(), opened]) {
      assert.equal(await textOf(window, 'step-3'), 'second time 4', 'not hidden by what was asked of other weights');
      assert.equal((await window.draw()).current?.rationales[0]?.record.text, 'second time 4');
      assert.equal((await window.draw()).discardable, false);
      assert.deepEqual([await textOf(window, 'base'), await textOf(window, 'step-1')], ['asked base', 'asked step-1']);
      const { traces } = await window.source.marks(question, await window.source.runOf({ file: dataset }));
      assert.ok(![...traces.keys()].some((key) => key.startsWith('step-3 ')), 'nor is its trace shown as theirs');
    }
    assert.ok(JSON.stringify(await ofRow()).includes('second time 4'));
    const [now, then] = [(await results.of(dataset, [rowKey])).get(rowKey), before.get(rowKey)];
    assert.notDeepEqual(now?.now, then?.now, 'the same first and last step, other figures');
    assert.equal(now?.now.meanReward, -0.125);
  });

  it('opens the rationale of a number, wherever it stands in its line', async () => {
    const run = await disk.newRun(3);
    const rollout = disk.rolloutOf(2, 'x');
    const first = rollout.rationales[0]!;
    const rationales = [5, 2].map((sample) => ({ ...first, sample, text: `number ${sample}` }));
    await atomicWrite(files, run.rolloutFile(2), `${JSON.stringify({ ...rollout, rationales })}\n`);
    const { source } = await disk.open();
    assert.equal((await source.sampled(question, 2, 2))?.text, 'number 2');
    assert.equal(await source.sampled(question, 2, 0), undefined);
  });

  it('shows what was asked of weights that an exact resume made once more', async () => {
    const run = await disk.newRun(2);
    for (const step of [1, 2]) await disk.record(run, step, `at ${step}`);
    const { source } = await disk.open();
    const known = await source.known(question);
    const asked = (await known.set('step-1'))!;
    await source.addSet(question, known.run, { ...asked, checkpoint: 'step-2', rationales: [] });
    // Killed after step 1 and resumed: the same bytes, at another time.
    const bytes = await readFile(run.rolloutFile(2));
    await rm(run.rolloutFile(2));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await atomicWrite(files, run.rolloutFile(2), bytes.toString());
    for (const window of [source, (await disk.open()).source]) {
      const again = await window.known(question);
      assert.deepEqual((await again.set('step-2'))?.rationales, [], 'what was asked, not what was sampled');
    }
  });

  it('keeps what was asked of weights whose rollouts a person has removed', async () => {
    const run = await disk.newRun(4);
    for (const step of [1, 4]) await disk.record(run, step, `at ${step}`);
    const { source } = await disk.open();
    const known = await source.known(question);
    await source.addSet(question, known.run, { ...(await known.set('step-3'))!, checkpoint: 'step-4' });
    assert.ok((await stat(run.rolloutFile(4))).size > 0);
    await rm(run.rolloutFile(4));
    assert.ok((await (await disk.open()).source.known(question)).sampled.has('step-4'));
  });
});
