/** What the side panel remembers of the questions a person looked at: what was typed is never forgotten for what was only looked at. */
import assert from 'node:assert/strict';
import * as v from 'valibot';
import { recall, remember, SavedRationaleState } from '../../webview/panel_memory.ts';
import { type QuestionState, untouchedQuestion } from '../../webview/rationale_state.ts';

describe("the side panel's memory", () => {
  const having = (first: Partial<QuestionState>, looks: number) => {
    let questions: SavedRationaleState['questions'] = [];
    questions = remember(questions, 'first', { ...untouchedQuestion, ...first });
    for (let i = 0; i < looks; i++)
      questions = remember(questions, `row ${i}`, { ...untouchedQuestion, opened: { [`step-1/${i}`]: true } });
    return questions;
  };

  for (const [what, draft] of [
    ['an edit', { edits: { 'step-1/0': { text: 'my words', original: 'its words', checkpoint: 'step-1' } } }],
    ['a note', { note: { id: 'step-1/0', text: 'half a no', original: '' } }],
    ['a form to sample by', { samplingDraft: { k: '17', temperature: '1', seed: '0', changed: true } }],
  ] as const) {
    it(`keeps ${what} however many other questions were looked at`, () => {
      const questions = having(draft, 300);
      assert.deepEqual(recall(questions, 'first'), { ...untouchedQuestion, ...draft });
      assert.ok(questions.length <= 21, `${questions.length}`);
    });
  }

  it('takes an open form with nothing typed in it for no draft', () => {
    const open = {
      note: { id: 'step-1/0', text: 'stored', original: 'stored' },
      samplingDraft: { k: '16', temperature: '1', seed: '1' },
    };
    assert.deepEqual(recall(having(open, 10), 'first'), { ...untouchedQuestion, ...open });
    assert.equal(recall(having(open, 20), 'first'), undefined);
  });

  it('finds drafts that were kept by row and weights', () => {
    const [question] = having({ note: { id: 'step-1/0', text: 'half a no', original: '' } }, 0);
    const old = {
      sort: { by: 'selfReward', descending: true },
      wordDiff: false,
      questions: [{ ...question, key: 'row step-1' }],
    };
    const { questions } = v.parse(SavedRationaleState, old);
    assert.equal(recall(questions, 'row')?.note?.text, 'half a no');
    assert.equal(remember(questions, 'row', untouchedQuestion).length, 1);
  });

  it('finds edits that were kept without the run they are of, and keeps whose they are', () => {
    const edit = { text: 'my words', original: 'its words', checkpoint: 'step-1' };
    const edits = { 'step-1/0': edit, 'step-1/1': { ...edit, run: 'run 1' }, 'step-1/2': { ...edit, run: null } };
    const kept = { sort: { by: 'selfReward', descending: true }, wordDiff: false, questions: having({ edits }, 0) };
    const { questions } = v.parse(SavedRationaleState, JSON.parse(JSON.stringify(kept)));
    assert.deepEqual(recall(questions, 'first')?.edits, edits);
  });

  it('keeps of what was only looked at the last, and of a question the rationales opened last', () => {
    const questions = having(
      { edits: { 'step-1/0': { text: 'its words', original: 'its words', checkpoint: 'step-1' } } },
      20,
    );
    assert.equal(recall(questions, 'first'), undefined);
    assert.ok(recall(questions, 'row 0') !== undefined);
    const opened = Object.fromEntries(Array.from({ length: 999 }, (_, i) => [`step-${i}/0`, true]));
    const kept = recall(remember([], 'row', { ...untouchedQuestion, opened }), 'row')!.opened;
    assert.ok('step-998/0' in kept && Object.keys(kept).length < 300);
  });
});
