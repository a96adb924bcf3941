/** Before → after: accuracies with their paired interval and test, the 2×2 table, and what else moved. Never a bare percentage. */
import type { AccuracyComparison } from '../src/protocol/panel_messages.ts';
import type { EvaluationSummary } from '../src/protocol/records.ts';
import { axis } from './axis.ts';
import { arrow, differenceOfShown } from './difference.ts';
import { type Child, h, type VNode } from './dom.ts';
import { fixed, percent, pValue, signed } from './format.ts';
import { icon } from './icons.ts';

import { t } from './strings.ts';
import type { Tip } from './tip.ts';
import { explained } from './tooltip.ts';

export function accuracySummary(comparison: AccuracyComparison): VNode {
  return h(
    'section',
    { key: 'summary', class: 'summary', 'aria-label': t('accuracy.summary') },
    headline(comparison),
    outcomeTable(comparison),
    metricTable(comparison),
  );
}

function headline({ paired, onlyBefore, onlyAfter, differences }: AccuracyComparison): VNode {
  const [low, high] = paired.interval95;
  const { questions, bothRight, fixed: gained, broken } = paired;
  const [ofFixed, ofBroken] = [t('accuracy.fixed'), t('accuracy.broken')];
  const points = (fraction: number): string => signed(fraction * 100, 1);
  return h(
    'div',
    { class: 'headline' },
    h(
      'p',
      { class: 'big number' },
      `${percent((bothRight + broken) / questions)} → ${percent((bothRight + gained) / questions)}`,
    ),
    h(
      'p',
      null,
      arrow(paired.difference * 100, 1),
      h('strong', { class: 'number' }, t('accuracy.points', points(paired.difference))),
    ),
    intervalPlot(paired.difference * 100, low * 100, high * 100),
    h(
      'p',
      { class: 'dim' },
      figure(t('accuracy.interval', points(low), points(high)), {
        title: t('accuracy.interval.title'),
        formula: `d = (${ofFixed} − ${ofBroken}) ⁄ n`,
        numbers: `${points(paired.difference)} % = (${paired.fixed} − ${paired.broken}) ⁄ ${paired.questions}`,
        text: t('accuracy.interval.text'),
      }),
    ),
    h(
      'p',
      { class: 'dim' },
      figure(t('accuracy.mcnemar', pValue(paired.mcnemarP)), {
        title: t('accuracy.mcnemar.title'),
        formula: `p = min(1, 2·P(X ≤ min(${ofFixed}, ${ofBroken}))),  X ~ Binomial(${ofFixed} + ${ofBroken}, ½)`,
        numbers: `p = ${pValue(paired.mcnemarP)}: ${paired.fixed} / ${paired.broken}`,
        text: t('accuracy.mcnemar.text'),
      }),
    ),
    onlyBefore + onlyAfter > 0
      ? h('p', { class: 'dim' }, t('accuracy.unpaired', questions, onlyBefore, onlyAfter))
      : null,
    differences.length > 0
      ? h('p', null, icon('warning', 'warn'), t('accuracy.differences', differences.join(' · ')))
      : null,
  );
}

/** The difference in points with its 95 % interval, on an axis that always shows zero. */
function intervalPlot(difference: number, low: number, high: number): VNode {
  const { low: left, high: right, ticks, digits } = axis([low, high, 0]);
  const at = (value: number): string => `${2 + ((value - left) / (right - left)) * 96}%`;
  return h(
    'svg',
    {
      class: 'interval',
      role: 'img',
      'aria-label': t('accuracy.interval.described', signed(difference, 1), signed(low, 1), signed(high, 1)),
      width: '100%',
      height: 36,
    },
    ticks.map((tick) => [
      h('line', { class: tick === 0 ? 'zero' : 'grid', x1: at(tick), x2: at(tick), y1: 2, y2: 20 }),
      h('text', { x: at(tick), y: 33, 'text-anchor': 'middle' }, tick === 0 ? '0' : signed(tick, digits)),
    ]),
    h('line', { class: 'range', x1: at(low), x2: at(high), y1: 11, y2: 11 }),
    [low, high].map((end) => h('line', { class: 'range', x1: at(end), x2: at(end), y1: 7, y2: 15 })),
    h('circle', { class: 'dot', cx: at(difference), cy: 11, r: 4 }),
  );
}

function outcomeTable({ paired, labels: { before: from, after: to } }: AccuracyComparison): VNode {
  const cell = (count: number, word: string, mark?: VNode): VNode =>
    h('td', null, h('span', { class: 'count number' }, mark ?? null, count), h('span', { class: 'dim' }, word));
  return h(
    'table',
    { class: 'outcomes' },
    h('caption', { class: 'visually-hidden' }, t('accuracy.outcomes')),
    h(
      'thead',
      null,
      h(
        'tr',
        null,
        h('td', null),
        h('th', { scope: 'col' }, t('accuracy.sideRight', to)),
        h('th', { scope: 'col' }, t('accuracy.sideWrong', to)),
      ),
    ),
    h(
      'tbody',
      null,
      h(
        'tr',
        null,
        h('th', { scope: 'row' }, t('accuracy.sideRight', from)),
        cell(paired.bothRight, t('accuracy.outcome.both-right')),
        cell(paired.broken, t('accuracy.outcome.broken'), icon('wrong', 'bad')),
      ),
      h(
        'tr',
        null,
        h('th', { scope: 'row' }, t('accuracy.sideWrong', from)),
        cell(paired.fixed, t('accuracy.outcome.fixed'), icon('right', 'good')),
        cell(paired.bothWrong, t('accuracy.outcome.both-wrong')),
      ),
    ),
  );
}

interface MetricRow {
  readonly label: string;
  readonly tip: Tip;
  readonly read: (summary: EvaluationSummary) => number | null;
  readonly format: (value: number) => string;
  /** Of the figures as `format` writes them. */
  readonly change: (before: number, after: number) => string;
}

function metricTable({ before, after, labels, onlyBefore, onlyAfter }: AccuracyComparison): VNode {
  const changed = (digits: number, scale = 1): MetricRow['change'] => {
    return (from, to) => signed(differenceOfShown(from * scale, to * scale, digits), digits);
  };
  const share = { format: (value: number) => percent(value), change: changed(1, 100) };
  const nats = { format: (value: number) => fixed(value), change: changed(2) };
  const row = (
    label: string,
    text: string,
    read: MetricRow['read'],
    style: Pick<MetricRow, 'format' | 'change'>,
  ): MetricRow => ({
    label,
    tip: { title: label, text },
    read,
    ...style,
  });
  const rows: MetricRow[] = [
    row(
      ofSamples('maj', before.k, after.k),
      t('accuracy.maj.text', sampleCounts(before.k, after.k)),
      (s) => s.majorityAccuracy,
      share,
    ),
    row(
      ofSamples('pass', before.k, after.k),
      t('accuracy.pass.text', sampleCounts(before.k, after.k)),
      (s) => s.passAtK,
      share,
    ),
    row(t('accuracy.sampled'), t('accuracy.sampled.text'), (s) => s.sampledAccuracy, share),
    row('log p(y | x, z)', t('accuracy.logProb.text'), (s) => s.meanAnswerLogProbGreedy, nats),
    row('log p(y | x)', t('accuracy.bare.text'), (s) => s.meanAnswerLogProbWithoutRationale, nats),
    row(t('accuracy.length'), t('accuracy.length.text'), (s) => s.meanRationaleTokens, {
      format: (value) => fixed(value, 1),
      change: changed(1),
    }),
    row(t('accuracy.finished'), t('accuracy.finished.text'), (s) => s.finishedShare, share),
  ];
  return h(
    'table',
    { class: 'metrics' },
    // Unlike everything else these are not about the shared questions alone.
    onlyBefore + onlyAfter > 0
      ? h('caption', { class: 'dim' }, t('accuracy.metrics.all', before.questions, after.questions))
      : h('caption', { class: 'visually-hidden' }, t('accuracy.metrics')),
    h(
      'thead',
      null,
      h(
        'tr',
        null,
        h('td', null),
        [labels.before, labels.after, t('accuracy.change')].map((head) => h('th', { scope: 'col' }, head)),
      ),
    ),
    h(
      'tbody',
      null,
      rows.map((metric) => metricRow(metric, metric.read(before), metric.read(after))),
    ),
  );
}

/** Of those that have samples: an evaluation of greedy answers alone has no votes. */
const sampleCounts = (...counts: readonly number[]): string => [...new Set(counts.filter((k) => k > 0))].join(' → ');

/** "maj@8", or "maj@4 → 8" when the two have different numbers of samples. */
const ofSamples = (measure: string, before: number, after: number): string =>
  `${measure}@${sampleCounts(before, after)}`;

function metricRow({ label, tip, format, change }: MetricRow, before: number | null, after: number | null): Child {
  if (before === null && after === null) return null;
  const known = before !== null && after !== null;
  return h(
    'tr',
    null,
    h('th', { scope: 'row' }, figure(label, tip)),
    h('td', { class: 'number' }, before === null ? '–' : format(before)),
    h('td', { class: 'number' }, after === null ? '–' : format(after)),
    h('td', { class: 'number' }, known ? change(before, after) : ''),
  );
}

function figure(text: string, tip: Tip): VNode {
  return h('button', { type: 'button', class: 'plain figure', ...explained(() => tip) }, text);
}
