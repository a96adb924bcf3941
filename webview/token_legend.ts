/** What the lines above and below the words of a rationale say: in one row, and the part that is asked for less in a second one on request. */
import { type Child, h } from './dom.ts';
import { icon } from './icons.ts';
import type { TokenKind } from './rationale_figures.ts';
import type { RationaleContext } from './rationale_state.ts';
import { t } from './strings.ts';

const KINDS: readonly TokenKind[] = ['expected', 'likely', 'unsure', 'surprising'];

export function tokenLegend({ state, change }: RationaleContext): Child {
  const open = state.legendOpen;
  return h(
    'div',
    { key: 'legend', class: 'legend tokens' },
    h(
      'p',
      null,
      h('span', null, t('rationale.legend')),
      KINDS.map((kind) => h('span', { class: `token ${kind}` }, t(`rationale.legend.${kind}`))),
      h(
        'button',
        {
          type: 'button',
          class: 'plain legend-toggle',
          'aria-expanded': open,
          on: { click: () => change({ legendOpen: !open }) },
        },
        icon(open ? 'open' : 'closed'),
        t('rationale.legend.above'),
      ),
    ),
    open
      ? h(
          'p',
          { key: 'weights', class: 'weights' },
          h('span', null, t('rationale.legend.weight')),
          (['more', 'less'] as const).map((way) =>
            h(
              'span',
              { class: `weighted ${way}`, vars: { '--weight': 2 } },
              h('span', { class: 'token' }, t(`rationale.legend.weight.${way}`)),
            ),
          ),
          h('span', null, t('rationale.legend.weight.size')),
        )
      : null,
  );
}
