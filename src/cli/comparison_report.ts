/** Before and after in words and figures, never a bare percentage: with the exact test and the interval that belong to it. */
import { basename } from 'node:path';
import type { ComparedQuestion, EvaluationComparison } from '../engine/evaluate/compare.ts';
import { count, fixed, percent, points, pValue, signed } from './number_format.ts';
import type { Compared } from './run_comparison.ts';
import { excerpt, type Terminal } from './terminal.ts';
import { textTable } from './text_table.ts';

const SIGNIFICANT = 0.05;

export function comparisonReport({ before, after, greedy, majority }: Compared, terminal: Terminal): string[] {
  const [from, to] = [before.summary, after.summary];
  const share = (name: string, a: number | null, b: number | null): string[][] =>
    a === null || b === null ? [] : [[name, percent(a), percent(b), points(b - a)]];
  const nats = (name: string, a: number | null, b: number | null): string[][] =>
    a === null || b === null ? [] : [[name, fixed(a, 2), fixed(b, 2), `${signed(b - a, 2)} nats`]];
  const score = (name: string, a: number | undefined, b: number | undefined, digits: number): string[][] =>
    a === undefined || b === undefined ? [] : [[name, fixed(a, digits), fixed(b, digits), signed(b - a, digits)]];
  const samples = from.k === to.k ? `${to.k}` : `${from.k}/${to.k}`;
  const table = textTable([
    [count(greedy.questions, 'test questions'), before.label, after.label, 'change'],
    ...share('Greedy accuracy', greedy.beforeAccuracy, greedy.afterAccuracy),
    ...(majority === null ? [] : share(`maj@${samples}`, majority.beforeAccuracy, majority.afterAccuracy)),
    ...share(`pass@${samples}`, from.passAtK, to.passAtK),
    ...score('Mean chrF of 100', from.meanChrF, to.meanChrF, 1),
    ...score('Mean ROUGE-L of 1', from.meanRougeL, to.meanRougeL, 3),
    ...nats('Mean log p(answer) after its own rationale', from.meanAnswerLogProbGreedy, to.meanAnswerLogProbGreedy),
    ...nats('Mean log p(answer) after sampled rationales', from.meanAnswerLogProbSampled, to.meanAnswerLogProbSampled),
    ...nats(
      'Mean log p(answer) without a rationale',
      from.meanAnswerLogProbWithoutRationale,
      to.meanAnswerLogProbWithoutRationale,
    ),
    [
      'Tokens per answer',
      fixed(from.meanRationaleTokens, 1),
      fixed(to.meanRationaleTokens, 1),
      signed(to.meanRationaleTokens - from.meanRationaleTokens, 1),
    ],
    ...share('Answers that end by themselves', from.finishedShare, to.finishedShare),
  ]);
  const [head = '', ...body] = table;
  return [
    terminal.style('bold', `${basename(to.dataset)}`),
    terminal.style('dim', head),
    ...body,
    '',
    ...pairedLines('Greedy', greedy, terminal),
    ...(majority === null ? [] : pairedLines(`maj@${samples}`, majority, terminal)),
    ...unpairedLines(greedy),
  ];
}

/** Counts, interval, test and what they come to. */
function pairedLines(what: string, comparison: EvaluationComparison, terminal: Terminal): string[] {
  const { fixed: mended, broken, sameRight, sameWrong, difference, interval, mcNemarP } = comparison;
  const [low, high] = interval;
  const verdict =
    mcNemarP >= SIGNIFICANT
      ? terminal.style('yellow', 'chance alone could explain this difference')
      : difference > 0
        ? terminal.style('green', 'better, beyond chance')
        : terminal.style('red', 'worse, beyond chance');
  return [
    `${what}: ${mended} fixed, ${broken} broken, ${sameRight} right both times, ${sameWrong} wrong both times.`,
    `${' '.repeat(what.length)}  Change ${points(difference)}, 95 % interval ${signed(100 * low, 1)} to ${signed(100 * high, 1)}; ` +
      `exact McNemar test ${pValue(mcNemarP)}: ${verdict}.`,
  ];
}

function unpairedLines({ onlyBefore, onlyAfter }: EvaluationComparison): string[] {
  const left = onlyBefore.length + onlyAfter.length;
  return left === 0 ? [] : [`${count(left, 'questions')} that only one of the two evaluations has: left out.`];
}

const MOST_QUESTIONS = 8;

/** The questions whose verdict changed, a few of each kind. */
export function changedQuestions({ greedy }: Compared, terminal: Terminal): string[] {
  const list = (outcome: ComparedQuestion['outcome'], title: string): string[] => {
    const found = greedy.perQuestion.filter((question) => question.outcome === outcome);
    if (found.length === 0) return [];
    const more = found.length - MOST_QUESTIONS;
    return [
      '',
      terminal.style('bold', title),
      ...found.slice(0, MOST_QUESTIONS).map((question) => changedLine(question)),
      ...(more > 0 ? [`  … and ${more} more; --json writes all.`] : []),
    ];
  };
  return [...list('fixed', 'Fixed'), ...list('broken', 'Broken')];
}

function changedLine({ line, question, goldAnswer, beforeAnswer, afterAnswer }: ComparedQuestion): string {
  const said = (answer: string | null): string => (answer === null ? 'no answer' : excerpt(answer, 24));
  const right = excerpt(goldAnswer, 24);
  return `  line ${line}: ${excerpt(question, 60)}  ${said(beforeAnswer)} → ${said(afterAnswer)} (right: ${right})`;
}
