/** A row's result in words: a few at the end of its line, more of them on hover. Pure. */
import { unreachable } from '../../engine/common/errors.ts';
import type { RunSummary } from '../../protocol/run_record.ts';
import type { CommandId } from '../command_ids.ts';
import type { L10n } from '../common/l10n.ts';
import { shownText } from '../common/shown_text.ts';
import type { Place } from '../dataset/place.ts';
import type { RowDetail } from './dataset_results.ts';
import type {
  EvaluationFigures,
  RationaleFigures,
  RewardChange,
  RowAnswers,
  RowOutcome,
  RowResult,
  ShownRationales,
} from './row_result.ts';
import { selfRewardText } from './self_reward_text.ts';

/** Two decimals with a true minus sign, and none before a zero. */
const figure = (value: number): string =>
  value
    .toFixed(2)
    .replace(/^-(?=0\.00$)/, '')
    .replace('-', '−');
/** "▲ 2.07" or "▼ 0.40"; no arrow where the digits say that nothing changed. */
function changeText(value: number): string {
  const size = Math.abs(value).toFixed(2);
  return Number(size) === 0 ? `± ${size}` : `${value < 0 ? '▼' : '▲'} ${size}`;
}

function outcomeText(outcome: Exclude<RowOutcome, null>, l10n: L10n): string {
  return { fixed: l10n.t('fixed'), broken: l10n.t('broken'), unsolved: l10n.t('unsolved') }[outcome];
}

/**
 * "fixed · 7 of 8 right · −0.31 ▲ 2.07", or "7 of 8 right · greedy −0.31 ▲ 2.07" where only the greedy answers can be compared. A word for
 * the outcome says already whether the one answer that is compared is right, and VS Code cuts a hint after 43 characters.
 */
export function lineEndText({ now, outcome, change }: RowResult, l10n: L10n): string {
  const isOfOne = now.votes === 1 || change?.of === 'greedy';
  const votes = outcome !== null && isOfOne ? '' : votesText(now, l10n);
  const reward = change === null ? figure(now.meanReward) : movedText(change, l10n);
  return [outcome === null ? '' : outcomeText(outcome, l10n), votes, reward].filter(Boolean).join(' · ');
}

/** "−0.31 ▲ 2.07", and of what when it is not of all that stands before it. */
function movedText({ of, now, by }: RewardChange, l10n: L10n): string {
  const moved = `${figure(now)} ${changeText(by)}`;
  return of === 'greedy' ? l10n.t('greedy {0}', moved) : moved;
}

/** "7 of 8 right"; of a single answer just whether it is. */
function votesText({ right, votes }: Pick<RowAnswers, 'right' | 'votes'>, l10n: L10n): string {
  if (votes === 1) return rightText(right === 1, l10n);
  return l10n.t('{0} of {1} right', right, votes);
}

const rightText = (isRight: boolean, l10n: L10n): string => (isRight ? l10n.t('right') : l10n.t('wrong'));

/** The commands that links of a hover may run. */
export const LINKED: readonly CommandId[] = ['latro.showRationales', 'latro.openRunDashboard', 'latro.compare'];

/** Longer texts are cut: the side panel shows them whole. */
const LONGEST_TEXT = 600;

/**
 * Markdown in which texts of models and datasets are shown as text and never interpreted. What can be done stands before what can be
 * read: VS Code shows the beginning of a long hover.
 * @param uri of the dataset
 * @param start of the row
 */
export function hoverMarkdown(detail: RowDetail, uri: string, { line, character }: Place, l10n: L10n): string {
  const { run, result, rationales, evaluated, pair } = detail;
  const links = [
    link(l10n.t('Show rationales'), 'latro.showRationales', { uri, line, character }),
    ...(run === null ? [] : [link(l10n.t('Open run'), 'latro.openRunDashboard', { runId: run.id })]),
    ...(pair === null ? [] : [link(l10n.t('Compare accuracy'), 'latro.compare', pair)]),
  ];
  const what = selfRewardText(result.now.made, l10n);
  // Where an evaluated row shows rationales of training, their rewards may be others than the mean above.
  const ofShown = 'made' in rationales ? selfRewardText(rationales.made, l10n) : what;
  return [
    `**${shownText(headline(result, l10n))}**`,
    links.join(' · '),
    shownText(weightsText(result, run, l10n)),
    shownText(what),
    ...(evaluated === null ? [] : [quoted(l10n.t('Answer now'), greedyOf(evaluated.now), l10n)]),
    ...(evaluated?.before == null ? [] : [quoted(l10n.t('Answer before'), greedyOf(evaluated.before), l10n)]),
    ...(ofShown === what ? [] : [shownText(l10n.t('In training: {0}', ofShown))]),
    ...rationalesText(rationales, l10n),
  ].join('\n\n');
}

function headline({ now, before, outcome, change }: RowResult, l10n: L10n): string {
  const since = (is: string, was: string) => l10n.t('{0} (before: {1})', is, was);
  const votes = votesText(now, l10n);
  const mean = l10n.t('mean self-reward {0}', figure(now.meanReward));
  const parts = outcome === null ? [] : [outcomeText(outcome, l10n)];
  if (before === null || change === null) parts.push(votes, mean);
  else if (change.of === 'mean') parts.push(since(votes, votesText(before, l10n)), mean, changeText(change.by));
  else {
    const [is, was] = [now, before].map(({ greedy }) => rightText(greedy?.right === true, l10n)) as [string, string];
    parts.push(votes, mean, since(`${movedText(change, l10n)}, ${is}`, was));
  }
  return parts.join(' · ');
}

function weightsText({ now, before, from }: RowResult, run: RunSummary | null, l10n: L10n): string {
  if (run === null) return l10n.t('Evaluation of a model outside any run');
  const name = (updates: number) => (updates === 0 ? l10n.t('base') : l10n.t('step {0}', updates));
  const weights = before === null ? name(now.updates) : `${name(before.updates)} → ${name(now.updates)}`;
  return from === 'evaluation'
    ? l10n.t('Evaluation of {0}, {1}', run.id, weights)
    : l10n.t('Rollouts of {0}, {1}', run.id, weights);
}

const greedyOf = ({ greedy, answerLogProbGreedy }: EvaluationFigures): RationaleFigures => ({
  ...greedy,
  selfReward: answerLogProbGreedy,
});

function rationalesText(rationales: ShownRationales, l10n: L10n): string[] {
  switch (rationales.kind) {
    case 'samples': {
      const titles = [
        l10n.t('Best of {0} samples', rationales.count),
        l10n.t('Worst of {0} samples', rationales.count),
      ] as const;
      return bestAndWorst(rationales.shown, titles, l10n);
    }
    case 'rollout': {
      const best = rationales.shown.length > 1 ? l10n.t('Best rationale') : l10n.t('Rationale');
      return bestAndWorst(rationales.shown, [best, l10n.t('Worst rationale')], l10n);
    }
    case 'greedy-only': {
      const settings = ['evaluation.k', 'latro.evaluation.samplesPerQuestion'] as const;
      const why = l10n.t(
        'Only the greedy answer was evaluated. With samples ({0} of a run, setting {1}) the best and the worst are shown here.',
        ...settings,
      );
      return [shownText(why)];
    }
    case 'no-rewards':
      return [
        shownText(l10n.t('This evaluation kept no reward of each sample; a new one shows the best and the worst.')),
      ];
    default:
      return unreachable(rationales);
  }
}

const bestAndWorst = (
  [best, worst]: readonly RationaleFigures[],
  titles: readonly [best: string, worst: string],
  l10n: L10n,
): string[] => [
  ...(best === undefined ? [] : [quoted(titles[0], best, l10n)]),
  ...(worst === undefined ? [] : [quoted(titles[1], worst, l10n)]),
];

function quoted(title: string, rationale: RationaleFigures, l10n: L10n): string {
  const trimmed = rationale.text.trim();
  const cut = trimmed.length > LONGEST_TEXT ? `${trimmed.slice(0, LONGEST_TEXT)}…` : trimmed;
  const lines = (cut === '' ? l10n.t('(empty)') : cut).split('\n').map((each) => `> ${shownText(each)}`);
  const figures = shownText(`${figure(rationale.selfReward)} · ${verdict(rationale, l10n)}`);
  return `**${shownText(title)}** ${figures}\n\n${lines.join('  \n')}`;
}

function verdict(
  { extractedAnswer, correct }: { extractedAnswer: string | null; correct: boolean },
  l10n: L10n,
): string {
  if (extractedAnswer === null) return l10n.t('✕ no answer');
  return correct ? `✓ ${extractedAnswer}` : `✕ ${extractedAnswer}`;
}

/** Parentheses would end the link. */
const link = (title: string, command: CommandId, argument: unknown): string => {
  const encoded = encodeURIComponent(JSON.stringify([argument]))
    .replaceAll('(', '%28')
    .replaceAll(')', '%29');
  return `[${title}](command:${command}?${encoded})`;
};
