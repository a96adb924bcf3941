/** An accuracy diff as a document: Markdown for people, CSV for spreadsheets. Pure; questions are shown as text, whatever they hold. */
import type { AccuracyComparison, ComparedQuestion, PairedOutcome } from '../../protocol/panel_messages.ts';

export function outcomeOf({ before, after }: ComparedQuestion): PairedOutcome {
  if (after.correct) return before.correct ? 'both-right' : 'fixed';
  return before.correct ? 'broken' : 'both-wrong';
}

export function markdownOf(comparison: AccuracyComparison, questions: readonly ComparedQuestion[]): string {
  const { before, after, paired, dataset } = comparison;
  const [low, high] = paired.interval95;
  const rows = questions.map((question) =>
    [
      question.line,
      outcomeOf(question),
      question.question,
      question.goldAnswer,
      question.before.extractedAnswer ?? '',
      question.after.extractedAnswer ?? '',
      change(question),
    ].map(cell),
  );
  const header = ['line', 'outcome', 'question', 'gold answer', 'before', 'after', 'change of log p(answer)'];
  return [
    `# Accuracy of ${cell(after.checkpoint)} against ${cell(before.checkpoint)} on ${cell(dataset)}`,
    '',
    `${paired.questions} questions: ${paired.fixed} fixed, ${paired.broken} broken, ${paired.bothRight} right both times, ${paired.bothWrong} wrong both times.`,
    `Accuracy ${rate(before.greedyAccuracy)} → ${rate(after.greedyAccuracy)}: difference ${rate(paired.difference)}, 95 % interval ${rate(low)} to ${rate(high)}, exact McNemar p = ${paired.mcnemarP.toPrecision(3)}.`,
    '',
    ...[header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`),
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
  return [header, ...rows].map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

const rate = (value: number): string => `${(100 * value).toFixed(1)} %`;
const change = ({ before, after }: ComparedQuestion): string => (after.answerLogProb - before.answerLogProb).toFixed(2);

/** Text in a Markdown table: on one line, with nothing that Markdown or HTML would take for its own. */
function cell(value: string | number): string {
  return String(value)
    .replace(/[\\`*_{}[\]()#+!|<>~&]/g, (character) => `\\${character}`)
    .replace(/\s+/g, ' ');
}

/** RFC 4180. Text with a leading =, +, - or @ would be run as a formula by spreadsheets; a number is none. */
function csvField(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
