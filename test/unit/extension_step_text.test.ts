/** The text of a step: its lines are counted for the actions that stand above each question. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { stepDocument } from '../../src/extension/runs/step_text.ts';
import type { QuestionRollout, RationaleRecord } from '../../src/protocol/records.ts';
import { ENGLISH } from '../support/languages.ts';

const rationale = (text: string, extractedAnswer: string | null): RationaleRecord => ({
  sample: 0,
  text,
  tokens: [],
  stopReason: 'stop-phrase',
  logProb: -1,
  referenceLogProb: null,
  answerTokens: [],
  answerLogProb: -1,
  templateLogProb: 0,
  selfReward: -1,
  klPenalty: 0,
  reward: -1,
  baseline: 0,
  advantage: -1,
  extractedAnswer,
  correct: false,
  strategy: 0,
});
const rollout = (question: string, goldAnswer: string, rationales: RationaleRecord[]): QuestionRollout => ({
  step: 1,
  seed: 1,
  rowKey: 'k',
  line: 1,
  question,
  prompt: question,
  goldAnswer,
  noRationaleLogProb: null,
  rationales,
});
const facts = { runId: 'r', step: 1, asked: 1, dataset: 'train.jsonl', strategies: { 0: 'work\nbackwards' } };

describe('text of a step', () => {
  it('begins each question on the line it says, whatever line ends a question, an answer or a rationale holds', () => {
    const text = fc
      .array(fc.constantFrom('a', ' ', '\n', '\r', '\r\n', '42'), { maxLength: 8 })
      .map((all) => all.join(''));
    const one = fc
      .tuple(text, text, fc.array(fc.tuple(text, fc.option(text)), { maxLength: 3 }))
      .map(([question, gold, given]) =>
        rollout(
          question,
          gold,
          given.map(([thought, answer]) => rationale(thought, answer)),
        ),
      );
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 4 }), (rollouts) => {
        const { text: whole, lines } = stepDocument(rollouts, facts, ENGLISH);
        const shown = whole.split(/\r\n|\r|\n/); // as the editor counts
        const headings = shown.flatMap((line, i) => (line.startsWith('────') ? [i] : []));
        assert.deepEqual(lines, headings);
        for (const [i, line] of lines.entries()) assert.match(shown[line]!, new RegExp(`^──── ${i + 1} ·.*────$`));
      }),
    );
  });

  it('keeps the words of an answer of several lines', () => {
    const { text } = stepDocument([rollout('q', 'one\r\n two', [rationale('z', '3\r4')])], facts, ENGLISH);
    assert.ok(text.includes('gold answer one two ·'));
    assert.ok(text.includes('answer 3 4 ·'));
  });
});
