/** All rationales of one update as a text to read: which question, what was thought, and what it earned. Pure. */
import path from 'node:path';
import { bareLogProb, countedOver } from '../../protocol/counted_tokens.ts';
import type { QuestionRollout, RationaleRecord } from '../../protocol/records.ts';
import type { L10n } from '../common/l10n.ts';

export interface StepFacts {
  readonly runId: string;
  /** The step whose rollouts these are, and the one that was asked for. */
  readonly step: number;
  readonly asked: number;
  /** The run's training questions. */
  readonly dataset: string;
  /** Of reasoning strategies, by number; empty without any. */
  readonly strategies: Readonly<Record<string, string>>;
}

export interface StepText {
  readonly text: string;
  /** Where each question begins, 0-based, in their order. */
  readonly lines: readonly number[];
}

export function stepDocument(rollouts: readonly QuestionRollout[], facts: StepFacts, l10n: L10n): StepText {
  const lines = [...heading(rollouts, facts, l10n), ''];
  const starts: number[] = [];
  for (const [i, rollout] of rollouts.entries()) {
    starts.push(lines.length);
    lines.push(...questionLines(rollout, i + 1, facts, l10n), '');
  }
  return { text: lines.join('\n'), lines: starts };
}

function heading(rollouts: readonly QuestionRollout[], { runId, step, asked }: StepFacts, l10n: L10n): string[] {
  const all = rollouts.flatMap(({ rationales }) => rationales);
  const right = all.filter(({ correct }) => correct).length;
  const mean = all.reduce((sum, { reward }) => sum + reward, 0) / Math.max(1, all.length);
  return [
    ...(asked === step
      ? []
      : [l10n.t('The rollouts of step {0} are not kept. This is the nearest step that is: {1}.', asked, step), '']),
    l10n.t('Step {0} of run {1}', step, runId),
    l10n.t(
      '{0} questions, {1} rationales, {2} of them right; mean reward {3}',
      rollouts.length,
      all.length,
      right,
      signed(mean),
    ),
  ];
}

function questionLines(
  rollout: QuestionRollout,
  number: number,
  { dataset, strategies }: StepFacts,
  l10n: L10n,
): string[] {
  const { line, question, goldAnswer, rationales } = rollout;
  const right = rationales.filter(({ correct }) => correct).length;
  const facts = [
    l10n.t('{0}, line {1}', path.basename(dataset), line),
    l10n.t('gold answer {0}', oneLine(goldAnswer)),
    l10n.t('{0} of {1} right', right, rationales.length),
    ...withoutRationale(rationales[0], l10n),
  ];
  return [
    `──── ${number} · ${facts.join(' · ')} ────`,
    ...linesOf(question),
    ...rationales
      .toSorted((a, b) => b.reward - a.reward)
      .flatMap((rationale) => ['', `  ${rationaleFacts(rationale, strategies, l10n)}`, ...indented(rationale.text)]),
  ];
}

/** Over the tokens that the rewards below count; nothing where it is not known which. */
function withoutRationale(rationale: RationaleRecord | undefined, l10n: L10n): string[] {
  const bare = bareLogProb(rationale);
  if (rationale === undefined || bare === null) return [];
  return [
    countedOver(rationale) === 'answer'
      ? l10n.t('without a rationale log p {0} (answer alone)', signed(bare))
      : l10n.t('without a rationale log p {0} (answer and template)', signed(bare)),
  ];
}

function rationaleFacts(rationale: RationaleRecord, strategies: StepFacts['strategies'], l10n: L10n): string {
  const { sample, correct, extractedAnswer, reward, baseline, advantage, tokens, strategy } = rationale;
  return [
    // A mark as well as the word: the eye runs down the left edge.
    correct ? `✓ ${l10n.t('right')}` : `✗ ${l10n.t('wrong')}`,
    l10n.t('answer {0}', extractedAnswer === null ? '–' : oneLine(extractedAnswer)),
    l10n.t('reward {0}, baseline {1}, advantage {2}', signed(reward), signed(baseline), signed(advantage)),
    l10n.t('{0} tokens', tokens.length),
    l10n.t('sample {0}', sample + 1),
    ...(strategy === undefined ? [] : [oneLine(strategies[strategy] ?? String(strategy))]),
  ].join(' · ');
}

/** As the editor counts them. */
const linesOf = (text: string): string[] => text.trim().split(/\r\n|\r|\n/);

const indented = (text: string): string[] => linesOf(text).map((line) => `    ${line}`);

/** What stands within a line must not end it: the lines are counted. */
const oneLine = (text: string): string => text.trim().replaceAll(/\s+/g, ' ');

/** With a true minus sign, as everywhere; null: a rationale without siblings has no baseline and no advantage. */
const signed = (value: number | null): string => (value === null ? '–' : value.toFixed(2).replace('-', '−'));
