/**
 * What the reward is made of: one cell per answer token with log π(y_t | x, z, y_<t) and, beside it, the same without the rationale.
 * A bar hangs from the top of each cell, as long as the log-probability is negative: filled with the rationale, outlined without.
 * Template tokens ("The answer is", the end token) stand apart, because they say little about the reasoning.
 */
import { countedOver } from '../src/protocol/counted_tokens.ts';
import type { AnswerTokenRecord, RationaleRecord } from '../src/protocol/records.ts';
import { type Child, h, type VNode } from './dom.ts';
import { fixed, signed } from './format.ts';
import { answerTokenText, answerTokenTip, endTokenOf } from './rationale_tips.ts';
import { t } from './strings.ts';
import { explained } from './tooltip.ts';

/** A bar is full at −5 nats (p < 1 %); beyond that only the number tells. */
const FULL_BAR_NATS = 5;

export function answerHeat(record: RationaleRecord): VNode {
  const part = (which: AnswerTokenRecord['part']): AnswerTokenRecord[] =>
    record.answerTokens.filter((token) => token.part === which);
  const end = endTokenOf(record);
  const scoredBare = record.answerTokens.some((token) => token.logProbWithoutRationale !== null);
  return h(
    'section',
    { class: 'heat', 'aria-label': t('rationale.heat') },
    h('h3', null, t('rationale.heat')),
    h(
      'div',
      { class: 'heat-groups', 'data-roving': 'list' },
      group(t('rationale.heat.answer'), part('answer'), record.answerLogProb, end),
      group(
        t('rationale.heat.template'),
        part('template'),
        record.templateLogProb,
        end,
        countedOver(record) === 'answer',
      ),
    ),
    h(
      'p',
      { class: 'legend' },
      h('span', { class: 'key with' }),
      t('rationale.heat.with'),
      scoredBare ? [h('span', { class: 'key without' }), t('rationale.heat.without')] : null,
    ),
  );
}

function group(
  label: string,
  tokens: readonly AnswerTokenRecord[],
  sum: number,
  end: AnswerTokenRecord | undefined,
  uncounted = false,
): Child {
  if (tokens.length === 0) return null;
  const bare = tokens.map((token) => token.logProbWithoutRationale);
  const bareSum = bare.every((value) => value !== null) ? bare.reduce((a, b) => a + b, 0) : null;
  return h(
    'div',
    { class: 'heat-group' },
    h(
      'div',
      { class: 'heat-label' },
      h('span', { class: 'name' }, label),
      uncounted ? h('span', { class: 'dim' }, t('rationale.heat.uncounted')) : null,
      h('span', { class: 'number' }, `Σ ${fixed(sum)}`),
      bareSum === null
        ? null
        : h('span', { class: 'dim number' }, t('rationale.heat.gain', fixed(bareSum), signed(sum - bareSum))),
    ),
    h(
      'ol',
      { class: 'cells' },
      tokens.map((token) => cell(token, token === end)),
    ),
  );
}

function cell(token: AnswerTokenRecord, isEnd: boolean): VNode {
  const bare = token.logProbWithoutRationale;
  return h(
    'li',
    {
      class: `cell ${token.part}`,
      tabindex: -1,
      'data-rove': true,
      vars: { '--with': share(token.logProb), '--without': share(bare) },
      ...explained(() => answerTokenTip(token, isEnd)),
    },
    h('span', { class: 'token' }, answerTokenText(token, isEnd)),
    h(
      'span',
      { class: 'bars', 'aria-hidden': true },
      h('span', { class: 'bar with' }),
      bare === null ? null : h('span', { class: 'bar without' }),
    ),
    h('span', { class: 'number' }, token.logProb === null ? '–' : fixed(token.logProb)),
    bare === null ? null : h('span', { class: 'number dim' }, fixed(bare)),
  );
}

function share(logProb: number | null): number {
  return logProb === null ? 0 : Math.min(1, Math.max(0, -logProb / FULL_BAR_NATS));
}
