/** An accuracy diff as a document: Markdown for people, CSV for spreadsheets. Pure; questions are shown as text, whatever they hold. */
import type { AccuracyComparison, ComparedQuestion, PairedOutcome } from '../../protocol/panel_messages.ts';
import { csvOfRows, markdownTable, markdownText } from '../common/table_text.ts';

export function outcomeOf({ before, after }: ComparedQuestion): PairedOutcome {
  if (after.correct) return before.correct ? 'both-right' : 'fixed';
  return before.correct ? 'broken' : 'both-wrong';
}

export function markdownOf(comparison: AccuracyComparison, questions: readonly ComparedQuestion[]): string {
  const { labels, paired, dataset, onlyBefore, onlyAfter, differences } = comparison;
  const [low, high] = paired.interval95;
  const rows = questions.map((question) => [
    question.line,
    outcomeOf(question),
    question.question,
    question.goldAnswer,
    question.before.extractedAnswer ?? '',
    question.after.extractedAnswer ?? '',
    change(question),
  ]);
  const header = ['line', 'outcome', 'question', 'gold answer', 'before', 'after', 'change of log p(answer)'];
  return [
    `# Accuracy of ${markdownText(labels.after)} against ${markdownText(labels.before)} on ${markdownText(dataset)}`,
    '',
    `${paired.questions} questions: ${paired.fixed} fixed, ${paired.broken} broken, ${paired.bothRight} right both times, ${paired.bothWrong} wrong both times.`,
    `Accuracy ${rate(paired.bothRight + paired.broken, paired.questions)} → ${rate(paired.bothRight + paired.fixed, paired.questions)}: difference ${rate(paired.difference)}, 95 % interval ${rate(low)} to ${rate(high)}, exact McNemar p = ${paired.mcnemarP.toPrecision(3)}.`,
    ...(onlyBefore + onlyAfter === 0
      ? []
      : ['', `Left out: ${onlyBefore} questions only before, ${onlyAfter} only after.`]),
    ...(differences.length === 0 ? [] : ['', `Not the weights alone differ: ${markdownText(differences.join('; '))}.`]),
    '',
    markdownTable(header, rows),
    '',
  ].join('\n');
}

export function csvOf(questions: readonly ComparedQuestion[]): string {
  const header = [
    'line',
    'rowKey',
    'outcome',
    'question',
    'goldAnswer',
    'answerBefore',
    'answerAfter',
    'logProbBefore',
    'logProbAfter',
  ];
  const rows = questions.map((question) => [
    question.line,
    question.rowKey,
    outcomeOf(question),
    question.question,
    question.goldAnswer,
    question.before.extractedAnswer ?? '',
    question.after.extractedAnswer ?? '',
    question.before.answerLogProb,
    question.after.answerLogProb,
  ]);
  return csvOfRows([header, ...rows]);
}

const rate = (value: number, of = 1): string => `${((100 * value) / of).toFixed(1)} %`;
const change = ({ before, after }: ComparedQuestion): string => (after.answerLogProb - before.answerLogProb).toFixed(2);
