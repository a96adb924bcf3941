/** A row's result in words: a few at the end of its line, more of them on hover. */
import * as vscode from 'vscode';
import { unreachable } from '../../engine/common/errors.ts';
import type { RunSummary } from '../../protocol/run_record.ts';
import type { CommandId } from '../command_ids.ts';
import type { RowDetail } from './dataset_results.ts';
import type {
  EvaluationFigures,
  RationaleFigures,
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
function change(value: number): string {
  const size = Math.abs(value).toFixed(2);
  return Number(size) === 0 ? `± ${size}` : `${value < 0 ? '▼' : '▲'} ${size}`;
}

export function outcomeText(outcome: Exclude<RowOutcome, null>): string {
  const { l10n } = vscode;
  return { fixed: l10n.t('fixed'), broken: l10n.t('broken'), unsolved: l10n.t('unsolved') }[outcome];
}

/** "fixed · 7 of 8 right · −0.31 ▲ 2.07"; that a single answer was fixed says already that it is right. */
export function lineEndText({ now, before, outcome }: RowResult): string {
  const reward =
    before === null
      ? figure(now.meanReward)
      : `${figure(now.meanReward)} ${change(now.meanReward - before.meanReward)}`;
  const votes = outcome !== null && now.votes === 1 ? '' : votesText(now);
  return [outcome === null ? '' : outcomeText(outcome), votes, reward].filter(Boolean).join(' · ');
}

/** "7 of 8 right"; of a single answer just whether it is. */
function votesText({ right, votes }: RowAnswers): string {
  const { l10n } = vscode;
  if (votes === 1) return right === 1 ? l10n.t('right') : l10n.t('wrong');
  return l10n.t('{0} of {1} right', right, votes);
}

/** The commands that links of a hover may run. */
const LINKED: readonly CommandId[] = ['latro.showRationales', 'latro.openRunDashboard', 'latro.compare'];

/** Longer texts are cut: the side panel shows them whole. */
const LONGEST_TEXT = 600;

/** Texts of models and datasets are shown as text and never interpreted. */
export function hoverText(detail: RowDetail, file: vscode.Uri, line: number): vscode.MarkdownString {
  const { l10n } = vscode;
  const { run, result, rationales, evaluated } = detail;
  const text = new vscode.MarkdownString();
  text.isTrusted = { enabledCommands: [...LINKED] };
  text.supportHtml = false;
  text.appendMarkdown('**').appendText(headline(result)).appendMarkdown('**\n\n');
  text.appendText(weightsText(result, run)).appendMarkdown('\n\n');
  const what = selfRewardText(result.now.made, l10n);
  text.appendText(what).appendMarkdown('\n\n');
  if (evaluated !== null) {
    appendQuoted(text, l10n.t('Answer now'), greedyOf(evaluated.now));
    if (evaluated.before !== null) appendQuoted(text, l10n.t('Answer before'), greedyOf(evaluated.before));
  }
  // Where an evaluated row shows rationales of training, their rewards may be others than the mean above.
  const ofShown = 'made' in rationales ? selfRewardText(rationales.made, l10n) : what;
  if (ofShown !== what) text.appendText(l10n.t('In training: {0}', ofShown)).appendMarkdown('\n\n');
  appendRationales(text, rationales);
  const links = [
    link(l10n.t('Show rationales'), 'latro.showRationales', { uri: file.toString(), line }),
    ...(run === null ? [] : [link(l10n.t('Open run'), 'latro.openRunDashboard', { runId: run.id })]),
    ...(run === null || evaluated?.before == null
      ? []
      : [link(l10n.t('Compare accuracy'), 'latro.compare', { runId: run.id })]),
  ];
  return text.appendMarkdown(links.join(' · '));
}

function headline({ now, before, outcome }: RowResult): string {
  const { l10n } = vscode;
  const votes = votesText(now);
  const parts = [
    outcome === null ? '' : outcomeText(outcome),
    before === null ? votes : l10n.t('{0} (before: {1})', votes, votesText(before)),
    l10n.t('mean self-reward {0}', figure(now.meanReward)),
    before === null ? '' : change(now.meanReward - before.meanReward),
  ];
  return parts.filter(Boolean).join(' · ');
}

function weightsText({ now, before, from }: RowResult, run: RunSummary | null): string {
  const { l10n } = vscode;
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

function appendRationales(text: vscode.MarkdownString, rationales: ShownRationales): void {
  const { l10n } = vscode;
  switch (rationales.kind) {
    case 'samples': {
      const [best, worst] = rationales.shown;
      if (best !== undefined) appendQuoted(text, l10n.t('Best of {0} samples', rationales.count), best);
      if (worst !== undefined) appendQuoted(text, l10n.t('Worst of {0} samples', rationales.count), worst);
      return;
    }
    case 'rollout': {
      const [best, worst] = rationales.shown;
      if (best !== undefined) appendQuoted(text, worst ? l10n.t('Best rationale') : l10n.t('Rationale'), best);
      if (worst !== undefined) appendQuoted(text, l10n.t('Worst rationale'), worst);
      return;
    }
    case 'greedy-only': {
      const settings = ['evaluation.k', 'latro.evaluation.samplesPerQuestion'] as const;
      const why = l10n.t(
        'Only the greedy answer was evaluated. With samples ({0} of a run, setting {1}) the best and the worst are shown here.',
        ...settings,
      );
      text.appendText(why).appendMarkdown('\n\n');
      return;
    }
    case 'no-rewards':
      text
        .appendText(l10n.t('This evaluation kept no reward of each sample; a new one shows the best and the worst.'))
        .appendMarkdown('\n\n');
      return;
    default:
      unreachable(rationales);
  }
}

function appendQuoted(text: vscode.MarkdownString, title: string, rationale: RationaleFigures): void {
  text.appendMarkdown(`**${title}** `).appendText(`${figure(rationale.selfReward)} · ${verdict(rationale)}`);
  quote(text, rationale.text);
}

function verdict({ extractedAnswer, correct }: { extractedAnswer: string | null; correct: boolean }): string {
  const { l10n } = vscode;
  if (extractedAnswer === null) return l10n.t('✕ no answer');
  return correct ? `✓ ${extractedAnswer}` : `✕ ${extractedAnswer}`;
}

function quote(text: vscode.MarkdownString, content: string): void {
  const { l10n } = vscode;
  const trimmed = content.trim();
  const cut = trimmed.length > LONGEST_TEXT ? `${trimmed.slice(0, LONGEST_TEXT)}…` : trimmed;
  text.appendMarkdown('\n\n');
  for (const each of (cut === '' ? l10n.t('(empty)') : cut).split('\n')) {
    text.appendMarkdown('> ').appendText(each).appendMarkdown('  \n');
  }
  text.appendMarkdown('\n');
}

/** Parentheses would end the link. */
const link = (title: string, command: CommandId, argument: unknown): string => {
  const encoded = encodeURIComponent(JSON.stringify([argument]))
    .replaceAll('(', '%28')
    .replaceAll(')', '%29');
  return `[${title}](command:${command}?${encoded})`;
};
