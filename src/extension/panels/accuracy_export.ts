/**
 * An accuracy diff as a document: Markdown for people, in their language, CSV for spreadsheets, in none. Pure; questions are shown as text,
 * whatever they hold.
 */
import {
  type AccuracyComparison,
  type ComparedQuestion,
  outcomeOf,
  type PairedOutcome,
} from '../../protocol/panel_messages.ts';
import type { L10n } from '../common/l10n.ts';
import { csvOfRows, markdownTable, markdownText } from '../common/table_text.ts';

/** What the panel lists. */
export interface Listed {
  readonly questions: readonly ComparedQuestion[];
  /** In words; empty when nothing is filtered. */
  readonly filters: readonly string[];
}

export function markdownOf(comparison: AccuracyComparison, { questions, filters }: Listed, l10n: L10n): string {
  const { labels, paired, dataset, onlyBefore, onlyAfter, differences } = comparison;
  const [low, high] = paired.interval95;
  const outcomes: Readonly<Record<PairedOutcome, string>> = {
    fixed: l10n.t('fixed'),
    broken: l10n.t('broken'),
    'both-right': l10n.t('right both times'),
    'both-wrong': l10n.t('wrong both times'),
  };
  const rows = questions.map((question) => [
    question.line,
    outcomes[outcomeOf(question)],
    question.question,
    question.goldAnswer,
    question.before.extractedAnswer ?? '',
    question.after.extractedAnswer ?? '',
    change(question),
  ]);
  const header = [
    l10n.t('Line'),
    l10n.t('Outcome'),
    l10n.t('Question'),
    l10n.t('Gold answer'),
    l10n.t('Before'),
    l10n.t('After'),
    l10n.t('Change of log p(answer)'),
  ];
  return [
    `# ${l10n.t('Accuracy of {0} against {1} on {2}', ...[labels.after, labels.before, dataset].map(markdownText))}`,
    '',
    l10n.t(
      '{0} questions: {1} fixed, {2} broken, {3} right both times, {4} wrong both times.',
      paired.questions,
      paired.fixed,
      paired.broken,
      paired.bothRight,
      paired.bothWrong,
    ),
    l10n.t(
      'Accuracy {0} → {1}: difference {2}, 95 % interval {3} to {4}, exact McNemar p = {5}.',
      rate(paired.bothRight + paired.broken, paired.questions),
      rate(paired.bothRight + paired.fixed, paired.questions),
      rate(paired.difference),
      rate(low),
      rate(high),
      paired.mcnemarP.toPrecision(3),
    ),
    ...(onlyBefore + onlyAfter === 0
      ? []
      : ['', l10n.t('Left out: {0} questions only before, {1} only after.', onlyBefore, onlyAfter)]),
    ...(differences.length === 0
      ? []
      : ['', l10n.t('Not the weights alone differ: {0}.', markdownText(differences.join('; ')))]),
    ...(filters.length === 0
      ? []
      : [
          '',
          l10n.t(
            '{0} of {1} questions are listed: {2}.',
            questions.length,
            comparison.questions.length,
            markdownText(filters.join('; ')),
          ),
        ]),
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
/** Of the figures at the digits in which the panel shows them. */
const change = ({ before, after }: ComparedQuestion): string =>
  (Number(after.answerLogProb.toFixed(2)) - Number(before.answerLogProb.toFixed(2))).toFixed(2);
