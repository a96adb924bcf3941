/** The text of a rationale, token by token: how likely the model found each, and what it weighs in the update. */
import type { RationaleSet, RationaleView } from '../src/protocol/rationale_messages.ts';
import { weightText, weightTip } from './advantage_tips.ts';
import { diffView } from './diff_view.ts';
import { type Child, h, type VNode } from './dom.ts';
import { icon } from './icons.ts';
import { prefixAfter } from './prefix_line.ts';
import { clearAnswer, counterpart, tokenKind, weightLevel } from './rationale_figures.ts';
import type { RationaleContext } from './rationale_state.ts';
import { tokenTip } from './rationale_tips.ts';
import { t } from './strings.ts';
import { explained } from './tooltip.ts';

export function rationaleText(
  context: RationaleContext,
  set: RationaleSet,
  rationale: RationaleView,
  open: boolean,
  toggle: () => void,
): Child {
  const { record } = rationale;
  const other = context.state.wordDiff ? counterpart(rationale, context.snapshot.comparison) : null;
  const clamp = open ? '' : ' clamped';
  if (other)
    return h(
      'p',
      { key: 'diff', class: `text${clamp}`, dir: 'auto' },
      diffView(other.record.text, record.text, 'both'),
    );
  if (record.tokens.length === 0) return h('p', { key: 'none', class: 'text dim' }, t('rationale.emptyText'));
  const clear = open && rationale.prefixScores ? clearAnswer(rationale.prefixScores) : null;
  const level = open ? weightLevel(record.weight, set) : 0;
  const weight = level === 0 ? '' : ` weighted ${level > 0 ? 'more' : 'less'}`;
  const shown = h(
    'p',
    {
      key: open ? 'open' : 'closed',
      class: `text${clamp}${weight}`,
      dir: 'auto',
      ...(level === 0 ? {} : { vars: { '--weight': Math.abs(level) } }),
      ...(open ? { 'data-roving': 'list' } : { on: { click: toggle } }),
    },
    record.tokens.map((token, i) => {
      const kind = token.logProb === null ? 'expected' : tokenKind(token.logProb);
      if (!open && kind === 'expected') return i === 0 ? token.text.trimStart() : token.text;
      // The underline starts at the word, not at the space before it.
      const space = /^\s*/.exec(token.text)?.[0] ?? '';
      return [
        i === 0 ? null : space,
        h(
          'span',
          {
            class: `token ${kind}${clear?.notYetAt === i ? ' clear-after' : ''}${clear?.by === i + 1 ? ' clear-by' : ''}`,
            ...(open
              ? {
                  tabindex: -1,
                  'data-rove': true,
                  ...explained(() => tokenTip(token, record, prefixAfter(rationale, i))),
                }
              : {}),
          },
          token.text.slice(space.length),
        ),
      ];
    }),
  );
  return open ? [weightChip(rationale, set), shown] : shown;
}

/** What every token of this rationale weighs in the update, in words and with its sign. */
function weightChip(rationale: RationaleView, set: RationaleSet): VNode {
  const { weight, tokens } = rationale.record;
  const unknown = rationale.origin === 'edited' ? 'rationale.weight.none' : 'rationale.weight.unrecorded';
  return h(
    'p',
    { key: 'weight', class: 'weight' },
    h(
      'button',
      { type: 'button', class: 'plain figure', ...explained(() => weightTip(rationale, set)) },
      weight === undefined
        ? t(unknown)
        : [
            weight === 0 ? null : icon(weight > 0 ? 'up' : 'down', weight > 0 ? 'good' : 'bad'),
            weightText(weight),
            ' ',
            t('rationale.weight', t('rationale.weight.tokens', tokens.length)),
          ],
    ),
  );
}
