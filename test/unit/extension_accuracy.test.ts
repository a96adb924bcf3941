import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compareEvaluations } from '../../src/engine/evaluate/compare.ts';
import { csvOf, markdownOf } from '../../src/extension/panels/accuracy_export.ts';
import { comparedQuestions, pairRows } from '../../src/extension/panels/accuracy_pairs.ts';
import { type AccuracyComparison, type ComparedQuestion, outcomeOf } from '../../src/protocol/panel_messages.ts';
import type { EvaluationRow, EvaluationSummary } from '../../src/protocol/records.ts';
import { ENGLISH, LANGUAGES, speak } from '../support/languages.ts';

const rowOf = (rowKey: string, correct: boolean, question = rowKey): EvaluationRow => ({
  rowKey,
  line: 1,
  question,
  goldAnswer: '1',
  greedy: { text: '', extractedAnswer: correct ? '1' : '2', correct, tokens: 3, finished: true },
  samples: [],
  majorityAnswer: null,
  majorityCorrect: null,
  answerLogProbWithoutRationale: -2,
  answerLogProbGreedy: correct ? -0.1 : -3,
  answerLogProbSampled: null,
});
const rows = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.boolean()), {
  minLength: 1,
  maxLength: 12,
});

describe('accuracy diff', () => {
  it('pairs as the engine does, so that its list and its statistics are about the same questions', () => {
    fc.assert(
      fc.property(rows, rows, (one, other) => {
        const [before, after] = [one, other].map((each) => each.map(([key, right]) => rowOf(key, right)));
        const { pairs, onlyBefore, onlyAfter } = pairRows(before!, after!);
        if (pairs.length === 0) return;
        const questions = comparedQuestions(pairs);
        const statistics = compareEvaluations(before!, after!);
        const count = (outcome: string) => questions.filter((question) => outcomeOf(question) === outcome).length;
        assert.equal(questions.length, statistics.questions);
        assert.equal(count('fixed'), statistics.fixed);
        assert.equal(count('broken'), statistics.broken);
        assert.equal(count('both-right'), statistics.sameRight);
        assert.equal(onlyBefore, statistics.onlyBefore.length);
        assert.equal(onlyAfter, statistics.onlyAfter.length);
      }),
      { numRuns: 40 },
    );
  });

  it('tells equal rows apart', () => {
    const [one, other] = [rowOf('same', true), { ...rowOf('same', false), line: 2 }];
    const questions = comparedQuestions(pairRows([one!, other!], [one!, other!]).pairs);
    assert.equal(new Set(questions.map(({ id }) => id)).size, 2);
    assert.deepEqual(
      questions.map(({ rowKey, line }) => [rowKey, line]),
      [
        ['same', 1],
        ['same', 2],
      ],
    );
  });

  const hostile = 'a | <img src=x onerror="alert(1)">\n# [link](command:evil) `code` "quoted", =cmd()';
  const questions: ComparedQuestion[] = comparedQuestions(
    pairRows(
      [rowOf('k', false, hostile), rowOf('f', false, '=HYPERLINK("x")')],
      [rowOf('k', true, hostile), rowOf('f', false, '=HYPERLINK("x")')],
    ).pairs,
  );

  it('exports Markdown in which a question is text, whatever it holds', () => {
    const summary = { checkpoint: 'base', greedyAccuracy: 0.5 } as EvaluationSummary;
    const labels = { before: 'base of `a`', after: 'base of [b](x)' };
    const paired = {
      questions: 2,
      fixed: 1,
      broken: 0,
      bothRight: 0,
      bothWrong: 1,
      difference: 0.5,
      interval95: [0, 1] as [number, number],
      mcnemarP: 1,
    };
    const sides = { labels, before: summary, after: summary };
    const left = { onlyBefore: 3, onlyAfter: 4, differences: ['K: 4 → 8', '`x`'] };
    const comparison = { ...sides, paired, dataset: 'd', ...left } as AccuracyComparison;
    const text = markdownOf(comparison, { questions, filters: [] }, ENGLISH);
    const lines = text.split('\n');
    assert.ok(lines.some((line) => line.startsWith('Accuracy 0.0 % → 50.0 %')));
    assert.ok(lines.includes('Left out: 3 questions only before, 4 only after.'));
    const figures = (each: string) => each.match(/\d+(\.\d+)?/g)?.sort();
    for (const language of LANGUAGES) {
      const translated = markdownOf(comparison, { questions, filters: [] }, speak(language).l10n);
      assert.doesNotMatch(translated, /questions|right|wrong|Accuracy|Line|Outcome|Left|differ/);
      assert.deepEqual(figures(translated), figures(text), language);
    }
    assert.doesNotMatch(text, /are listed/);
    const listed = { ...comparison, questions };
    const part = markdownOf(listed, { questions: questions.slice(1), filters: ['Fixed', '“<b>”'] }, ENGLISH);
    assert.match(part, /^1 of 2 questions are listed: Fixed; “\\<b/m);
    const table = lines.filter((line) => line.startsWith('|'));
    assert.equal(table.length, 2 + questions.length);
    for (const line of table) assert.equal(line.replaceAll(/\\./g, '').split('|').length, 9, line);
    assert.doesNotMatch(lines.join('\n').replaceAll(/\\./g, ''), /<img|\]\(|`/);
  });

  it('exports each figure under its own heading: before and after, fixed and broken, high and low', () => {
    const [early, late] = [
      [rowOf('f', false), rowOf('b', true), { ...rowOf('r', true), line: 7 }],
      [rowOf('f', true), rowOf('b', false), { ...rowOf('r', true), line: 7, answerLogProbGreedy: -0.25 }],
    ];
    const questions = comparedQuestions(pairRows(early, late).pairs);
    const of = (key: string) => questions.find(({ rowKey }) => rowKey === key)!;
    const ordered = ['f', 'b', 'r'].map(of);
    const csv = csvOf(ordered).split('\r\n');
    assert.deepEqual(csv, [
      'line,rowKey,outcome,question,goldAnswer,answerBefore,answerAfter,logProbBefore,logProbAfter',
      '1,f,fixed,f,1,2,1,-3,-0.1',
      '1,b,broken,b,1,1,2,-0.1,-3',
      '7,r,both-right,r,1,1,1,-0.1,-0.25',
      '',
    ]);
    const comparison = {
      labels: { before: 'the early', after: 'the late' },
      paired: {
        questions: 10,
        fixed: 3,
        broken: 1,
        bothRight: 4,
        bothWrong: 2,
        difference: 0.2,
        interval95: [-0.125, 0.5],
        mcnemarP: 0.625,
      },
      dataset: 'a set',
      onlyBefore: 0,
      onlyAfter: 0,
      differences: [] as readonly string[],
    } as AccuracyComparison;
    assert.deepEqual(markdownOf(comparison, { questions: ordered, filters: [] }, ENGLISH).split('\n'), [
      '# Accuracy of the late against the early on a set',
      '',
      '10 questions: 3 fixed, 1 broken, 4 right both times, 2 wrong both times.',
      'Accuracy 50.0 % → 70.0 %: difference 20.0 %, 95 % interval -12.5 % to 50.0 %, exact McNemar p = 0.625.',
      '',
      '| Line | Outcome | Question | Gold answer | Before | After | Change of log p(answer) |',
      '| --- | --- | --- | --- | --- | --- | --- |',
      '| 1 | fixed | f | 1 | 2 | 1 | 2.90 |',
      '| 1 | broken | b | 1 | 1 | 2 | -2.90 |',
      '| 7 | right both times | r | 1 | 1 | 1 | -0.15 |',
      '',
    ]);
  });

  it('exports CSV that keeps every text whole and starts no formula', () => {
    const csv = csvOf(questions);
    assert.ok(csv.includes(`"${hostile.replaceAll('"', '""')}"`));
    assert.ok(csv.includes(`"'=HYPERLINK(""x"")"`));
    assert.ok(csv.endsWith('\r\n'));
    const negative = csvOf([{ ...questions[0]!, goldAnswer: '-5' }]);
    assert.ok(negative.includes(',-5,'), 'a negative number stays a number');
  });
});
