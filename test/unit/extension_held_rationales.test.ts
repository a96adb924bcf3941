/** What is held while a person reads or edits it, over runs on disk that go on meanwhile. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { HeldRationales } from '../../src/extension/rationales/held_rationales.ts';
import type { Question } from '../../src/extension/rationales/question_source.ts';
import { chooseCurrent } from '../../src/extension/rationales/rationale_sets.ts';
import { QuestionOnDisk } from '../support/question_on_disk.ts';

describe('rationales that a person looks into', () => {
  let disk: QuestionOnDisk;
  let question: Question;
  let older: RunDirectory;
  beforeEach(async () => {
    disk = await QuestionOnDisk.create();
    ({ question } = disk);
    older = await disk.newRun(3);
    for (const step of [1, 2, 3]) await disk.record(older, step, `older at ${step}`);
  });
  afterEach(() => disk.remove());

  const open = async () => {
    const { source, choices } = await disk.open();
    const held = new HeldRationales(source, choices);
    /** As the panel draws it: run, weights, and what there is besides. */
    const shown = async () => {
      const { question: meant, known } = await held.known(question);
      const checkpoint = chooseCurrent(known.sampled, held.choice(meant, known).checkpoint);
      return [known.run?.id ?? null, checkpoint, await held.newer(question, known)] as const;
    };
    return { held, source, choices, shown };
  };
  /** In a window that knows the runs begun so far. */
  const hold = async (run: RunDirectory | null, checkpoint: string) => {
    const opened = await open();
    opened.held.hold(question, run?.id ?? null, checkpoint);
    return opened;
  };

  it('stay while the run goes on: what is newer is told, and shown once the person lets go', async () => {
    const { held, shown } = await hold(older, 'step-2');
    assert.deepEqual(await shown(), [older.id, 'step-2', undefined]);
    await disk.record(older, 4, 'older at 4');
    assert.deepEqual(await shown(), [older.id, 'step-2', { checkpoint: 'step-3' }]);
    held.letGo();
    assert.deepEqual(await shown(), [older.id, 'step-3', undefined]);
  });

  it('are those of their run: another one that began has weights of the same name', async () => {
    const newer = await disk.newRun(3);
    for (const step of [1, 2, 3, 4]) await disk.record(newer, step, `newer at ${step}`);
    const { held, source, shown } = await hold(older, 'step-2');
    assert.deepEqual(await shown(), [older.id, 'step-2', { checkpoint: 'step-3', run: newer.id }]);
    const asHeld = await source.known(held.asHeld(question));
    assert.equal((await asHeld.set('step-2'))?.rationales[0]?.record.text, 'older at 3');
    const byItself = await source.known(question);
    assert.equal(held.choice(question, byItself).checkpoint, undefined, 'nothing is held of the other run');
    held.letGo();
    assert.deepEqual(await shown(), [newer.id, 'step-3', undefined]);
  });

  it('are those of the model itself, when a run begins', async () => {
    const { held, source, shown } = await hold(null, 'base');
    const { set } = await source.known(question);
    await source.addSet(question, null, (await set('base'))!);
    assert.deepEqual(await shown(), [null, 'base', { checkpoint: 'step-2', run: older.id }]);
    assert.deepEqual(held.asHeld(question), { ...question, run: null });
  });

  it('are let go of where a roll back took their weights away: what comes by that name is another', async () => {
    const { held, shown } = await hold(older, 'step-2');
    await rm(older.rolloutFile(3));
    assert.deepEqual(await shown(), [older.id, 'step-1', undefined]);
    for (const step of [3, 4]) await disk.record(older, step, 'second time');
    assert.deepEqual(await shown(), [older.id, 'step-3', undefined]);
    assert.equal(held.asHeld(question), question);
  });

  it('are let go of where their run was removed', async () => {
    const newer = await disk.newRun(1);
    await disk.record(newer, 1, 'newer at 1');
    await rm(older.path, { recursive: true });
    const { held, shown } = await hold(older, 'step-2');
    assert.deepEqual(await shown(), [newer.id, 'base', undefined]);
    assert.equal(held.asHeld(question), question);
  });

  it('stay held where the person looked into something else while the disk was read', async () => {
    const { held } = await hold(older, 'step-7');
    const reading = held.known(question);
    held.hold(question, older.id, 'step-1');
    await reading;
    assert.equal(held.asHeld(question).run, older.id);
  });

  it('give way to what was chosen by hand, while that is there', async () => {
    const { choices, shown } = await hold(older, 'step-1');
    const { rowKey } = question.row;
    await choices.choose(rowKey, older.id, { checkpoint: 'base' });
    assert.deepEqual(await shown(), [older.id, 'base', undefined]);
    await choices.choose(rowKey, older.id, { checkpoint: 'step-9' });
    assert.deepEqual(await shown(), [older.id, 'step-1', { checkpoint: 'step-2' }]);
  });

  it('are held until the cursor goes to another question, of another file too', async () => {
    const { held } = await hold(older, 'step-1');
    held.arrive({ ...question, row: { ...question.row, line: 7 } });
    assert.equal(held.asHeld(question).run, older.id, 'the same row, on another line by now');
    const equalRow = { ...question, file: path.join(disk.folder, 'copy.jsonl') };
    assert.equal(held.asHeld(equalRow), equalRow);
    held.arrive(equalRow);
    assert.equal(held.asHeld(question), question);
    held.hold(question, older.id, 'step-1');
    held.arrive({ ...question, row: { ...question.row, rowKey: 'other' } });
    assert.equal(held.asHeld(question), question);
  });
});
