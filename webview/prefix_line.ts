/** Where the answer becomes clear: log p(y | x, z_≤t) along the rationale, drawn under its text. */
import { countedOver } from '../src/protocol/counted_tokens.ts';
import type { RationaleView } from '../src/protocol/rationale_messages.ts';
import { type Child, h } from './dom.ts';
import { fixed, probability } from './format.ts';
import { type ClearAnswer, clearAnswer } from './rationale_figures.ts';
import { quoted } from './rationale_tips.ts';
import { checkpointLabel, t } from './strings.ts';
import { explained } from './tooltip.ts';

const WIDTH = 320;
const HEIGHT = 36;
const PAD = 4;

export function prefixLine(rationale: RationaleView): Child {
  const scores = rationale.prefixScores;
  if (!scores || scores.length < 2) return null;
  const values = scores.map((score) => score.logProb);
  const low = Math.min(...values, Math.log(0.1));
  const high = Math.max(...values, 0);
  const length = Math.max(1, rationale.record.tokens.length);
  const x = (tokens: number): number => PAD + (tokens / length) * (WIDTH - 2 * PAD);
  const y = (logProb: number): number => PAD + ((high - logProb) / (high - low)) * (HEIGHT - 2 * PAD);
  const line = scores.map(
    ({ tokens, logProb }, i) => `${i === 0 ? 'M' : 'L'}${x(tokens).toFixed(1)} ${y(logProb).toFixed(1)}`,
  );
  const clear = clearAnswer(scores);
  const half = y(Math.log(0.5)).toFixed(1);
  const first = scores[0]!;
  const last = scores.at(-1)!;
  const said = clearText(clear, rationale);
  return h(
    'figure',
    { class: 'prefix' },
    h(
      'svg',
      {
        role: 'img',
        'aria-label': t('rationale.prefix.described', fixed(first.logProb), fixed(last.logProb), said),
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        preserveAspectRatio: 'none',
        height: HEIGHT,
        width: '100%',
      },
      h('line', { class: 'half', x1: 0, x2: WIDTH, y1: half, y2: half }),
      h('path', {
        class: 'area',
        d: `${line.join('')}L${x(last.tokens).toFixed(1)} ${HEIGHT}L${x(first.tokens).toFixed(1)} ${HEIGHT}Z`,
      }),
      h('path', { class: 'line', d: line.join('') }),
      clear === null ? null : edges(clear).map((tokens) => edge(x(tokens))),
      clear === null ? null : between(x(clear.notYetAt ?? clear.by), x(clear.by)),
    ),
    h(
      'figcaption',
      null,
      h(
        'button',
        {
          type: 'button',
          class: 'plain figure',
          ...explained(() => ({
            title: t('rationale.prefix'),
            formula: 'log p(y | x, z_{≤t})',
            numbers: `${fixed(first.logProb)} → ${fixed(last.logProb)}   p = ${probability(last.logProb)}`,
            text: [t('rationale.prefix.text'), which(rationale)].join(' '),
          })),
        },
        said,
      ),
      h('span', { class: 'dim number' }, `${fixed(first.logProb)} → ${fixed(last.logProb)}`),
      rationale.tracedBy === undefined
        ? null
        : h('span', { class: 'dim' }, t('rationale.prefix.scoredBy', checkpointLabel(rationale.tracedBy))),
    ),
  );
}

/** The token itself only where the one before it was asked about too. */
function clearText(clear: ClearAnswer | null, { record }: RationaleView): string {
  if (clear === null) return t('rationale.prefix.never');
  const { by, notYetAt } = clear;
  if (notYetAt === null) return t('rationale.prefix.always');
  if (by - notYetAt === 1) return t('rationale.prefix.clear', by, quoted(record.tokens[notYetAt]?.text ?? ''));
  return t('rationale.prefix.by', by, notYetAt);
}

const edges = ({ by, notYetAt }: ClearAnswer): number[] => (notYetAt === null ? [by] : [notYetAt, by]);
const edge = (x: number): Child => h('line', { class: 'clear', x1: x, x2: x, y1: 0, y2: HEIGHT });
const between = (from: number, to: number): Child =>
  h('rect', { class: 'between', x: from, y: 0, width: to - from, height: HEIGHT });

/** Which tokens of y the curve is of: those that the reward counts. */
function which({ record }: RationaleView): string {
  const over = countedOver(record);
  return over === null ? '' : t(over === 'answer' ? 'rationale.prefix.answer' : 'rationale.prefix.all');
}

/** log p(y | x, z_≤t) just after token `index` (0-based) where it was traced. */
export function prefixAfter(rationale: RationaleView, index: number): number | undefined {
  return rationale.prefixScores?.find((score) => score.tokens === index + 1)?.logProb;
}
