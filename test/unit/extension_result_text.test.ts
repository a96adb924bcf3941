/** What is said of a row at the end of its line and on hover. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { RowDetail } from '../../src/extension/inline/dataset_results.ts';
import { hoverMarkdown, LINKED, lineEndText } from '../../src/extension/inline/result_text.ts';
import {
  answersOfEvaluation,
  type EvaluationFigures,
  rowResult,
  shownRationales,
} from '../../src/extension/inline/row_result.ts';
import type { RunSummary } from '../../src/protocol/run_record.ts';
import { ENGLISH } from '../support/languages.ts';

const LONGEST_HINT = 43;

const answer = (correct: boolean, text = '') => ({ text, extractedAnswer: '18', correct, tokens: 3, finished: true });

/** An evaluation of one question: its greedy answer, and samples of which some are right. */
function evaluated(
  greedy: { right: boolean; reward: number; text?: string },
  sampled?: { right: boolean[]; reward: number },
) {
  const samples = (sampled?.right ?? []).map((right) => ({ ...answer(right), answerLogProb: sampled!.reward }));
  return {
    rowKey: 'a',
    line: 1,
    greedy: answer(greedy.right, greedy.text),
    samples,
    answerLogProbGreedy: greedy.reward,
    answerLogProbSampled: sampled?.reward ?? null,
  } satisfies EvaluationFigures;
}

const FOUR_OF_EIGHT = [true, true, true, true, false, false, false, false];
const run = { id: 'a-run' } as RunSummary;
const pair = {
  before: { runId: 'a-run', evaluation: 'base-test' },
  after: { runId: 'a-run', evaluation: 'step-000010-test' },
};

function detailOf(now: EvaluationFigures, before: EvaluationFigures | null): RowDetail {
  const was = before === null ? null : answersOfEvaluation(before, 0);
  const result = rowResult('evaluation', answersOfEvaluation(now, 10), was);
  return { run, result, rationales: shownRationales(now, undefined), evaluated: { now, before }, pair };
}
const hover = (now: EvaluationFigures, before: EvaluationFigures | null) =>
  hoverMarkdown(detailOf(now, before), 'file:///questions.json', { line: 4, character: 7 }, ENGLISH);
const lineEnd = (now: EvaluationFigures, before: EvaluationFigures | null) =>
  lineEndText(detailOf(now, before).result, ENGLISH);
const plain = (markdown: string) => markdown.replaceAll('\\', '').replaceAll('\u00a0', ' ');

describe('the result at the end of a line', () => {
  const greedy = { right: true, reward: -2 };
  const sampled = { right: FOUR_OF_EIGHT, reward: -5 };

  it('compares samples with samples and greedy answers with greedy answers', () => {
    assert.equal(
      lineEnd(evaluated(greedy, sampled), evaluated(greedy, { ...sampled, reward: -6 })),
      '4 of 8 right · −5.00 ▲ 1.00',
    );
    assert.equal(lineEnd(evaluated(greedy), evaluated({ right: false, reward: -3 })), 'fixed · −2.00 ▲ 1.00');
  });

  it('takes no sampled answers for a change of greedy ones, nor the other way round', () => {
    const [one, more] = [evaluated(greedy), evaluated(greedy, sampled)];
    assert.equal(lineEnd(more, one), '4 of 8 right · greedy −2.00 ± 0.00');
    assert.equal(lineEnd(one, more), 'right · greedy −2.00 ± 0.00');
    const better = evaluated({ right: true, reward: -1 }, sampled);
    assert.equal(lineEnd(better, evaluated({ right: false, reward: -2 })), 'fixed · greedy −1.00 ▲ 1.00');
    const worst = evaluated({ right: false, reward: -12 }, { right: Array(16).fill(false), reward: -15 });
    assert.ok(lineEnd(worst, evaluated({ right: false, reward: -25 })).length <= LONGEST_HINT);
    const headline = plain(hover(more, one)).split('\n')[0];
    assert.equal(headline, '**4 of 8 right · mean self-reward −5.00 · greedy −2.00 ± 0.00, right (before: right)**');
  });
});

describe('the hover of a row', () => {
  const now = evaluated({ right: true, reward: -2, text: 'After 9 get off, 27 - 9 = 18 remain.\n    - so <b>18</b>' });
  const before = evaluated({ right: false, reward: -3, text: '1. www.example.org *bold* & &amp; `code`' });
  const paragraphs = hover(now, before).split('\n\n');

  it('has what can be done right under its headline: a long hover shows its beginning', () => {
    assert.match(
      plain(paragraphs[0]!),
      /^\*\*fixed · right \(before: wrong\) · mean self-reward −2\.00 · ▲ 1\.00\*\*$/,
    );
    const links = [...paragraphs[1]!.matchAll(/\[[^\]]+\]\(command:([\w.]+)\?([^)]*)\)/g)];
    assert.deepEqual(
      links.map(([, command]) => command),
      LINKED,
    );
    const arguments_ = links.map(([, , argument]) => JSON.parse(decodeURIComponent(argument!)) as unknown);
    assert.deepEqual(arguments_, [
      [{ uri: 'file:///questions.json', line: 4, character: 7 }],
      [{ runId: 'a-run' }],
      [pair],
    ]);
  });

  it('can break its texts between words, and shows them to the character', () => {
    const text = hover(now, before);
    assert.doesNotMatch(text, /&nbsp;/);
    assert.match(text, /> After 9 get off\\, 27 \\- 9 \\= 18 remain\\\./);
    assert.match(text, /> \u00a0{4}\\- so \\<b\\>18\\<\\\/b\\>/, 'no block of code, no list, no element');
    assert.match(text, /> 1\\\. www\\\.example\\\.org \\\*bold\\\* \\& \\&amp\\; \\`code\\`/);
  });

  it('leaves nothing of a text for Markdown to interpret', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 40 }), (content) => {
        const quoted = hover(evaluated({ right: true, reward: -1, text: content }), null).split('\n\n')[5]!;
        for (const line of quoted.split('\n')) {
          assert.ok(line.startsWith('> '), line);
          const bare = line
            .slice(2)
            .replace(/ {2}$/, '')
            .replace(/\\[!-/:-@[-`{-~]/g, 'x');
          assert.doesNotMatch(bare, /[!-/:-@[-`{-~\t\v\f]|^ | {2}/);
        }
      }),
    );
  });
});
