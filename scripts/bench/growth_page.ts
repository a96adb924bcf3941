/** docs/bench/growth.md: a table and two charts per curve. */
import * as v from 'valibot';
import { lineChart } from './line_chart.ts';
import type { UpdateSizes } from './update.ts';

const MeasuredSchema = v.object({ seconds: v.number(), peakMemoryGB: v.number() });
export type Measured = v.InferOutput<typeof MeasuredSchema>;

export const CurveSchema = v.object({
  name: v.string(),
  title: v.string(),
  across: v.string(),
  /** For large sizes, beside which what an update pays once is nothing. */
  expectation: v.string(),
  /** Where along the curve the update of `base` stands, which other curves measure too. */
  baseAt: v.optional(v.number()),
  machine: v.string(),
  /** `at`: what grows. */
  points: v.array(v.object({ at: v.number(), ...MeasuredSchema.entries })),
  /** Where it could not be measured. */
  failed: v.optional(v.array(v.number())),
});
export type Curve = v.InferOutput<typeof CurveSchema>;

export function growthPage(
  curves: readonly Curve[],
  base: UpdateSizes,
  shape: string,
): { readonly text: string; readonly charts: Readonly<Record<string, string>> } {
  const charts: Record<string, string> = {};
  const sections = curves.map((curve) => {
    const at = curve.points.map((point) => point.at);
    const draw = (kind: string, up: string, values: readonly number[]): void => {
      const series = [{ label: up, values }];
      charts[`${curve.name}-${kind}`] = lineChart({ title: curve.title, across: curve.across, up, at, series });
    };
    if (at.length > 0) {
      draw(
        'seconds',
        'seconds',
        curve.points.map(({ seconds }) => seconds),
      );
      draw(
        'memory',
        'GB at the most',
        curve.points.map(({ peakMemoryGB }) => peakMemoryGB),
      );
    }
    const exponents = exponentsOf(curve.points);
    const rows = curve.points.map(({ at: x, seconds, peakMemoryGB }, i) => {
      const exponent = i === 0 ? '' : exponents[i - 1]!.toFixed(2);
      return `| ${x} | ${seconds} | ${exponent} | ${peakMemoryGB} |`;
    });
    return [
      `## ${curve.title}`,
      '',
      `Measured: ${growth(exponents)}. Expected of large sizes: ${curve.expectation}.`,
      ...(curve.failed === undefined ? [] : [`**Failed, and so not measured: ${curve.failed.join(', ')}.**`]),
      '',
      `${curve.machine}.`,
      '',
      `| ${curve.across} | seconds | exponent | GB |`,
      '|---|---|---|---|',
      ...rows,
      '',
      ...(at.length === 0
        ? []
        : [`![seconds](growth/${curve.name}-seconds.svg) ![memory](growth/${curve.name}-memory.svg)`, '']),
    ].join('\n');
  });
  const sizes = `${base.questions} questions × K = ${base.rationales}, prompt ${base.prompt}, L = ${base.rationale}, answer ${base.answer} tokens`;
  const text = [
    '# How the cost of an update grows',
    '',
    'Written by `npm run bench:growth`. One LaTRO update with random weights (sample, score, weigh, gradient, AdamW; LoRA r 16 on all linear',
    `layers): ${shape}'s shape, ${sizes}, unless the table says otherwise. Seconds are of processor time on one thread, the median of up to three updates after a small one; GB is`,
    'the most memory the process ever held. The exponent is that of a power law from the line above: 1 is linear, 0 is constant.',
    '',
    ...repeated(curves),
    ...(new Set(curves.map(({ machine }) => machine)).size > 1
      ? ['Not all sections are of one machine: seconds of two of them say nothing of each other.', '']
      : []),
    ...sections,
  ].join('\n');
  return { text, charts };
}

/** Of the power law through each point and the one before: 1 is linear. */
const exponentsOf = (points: Curve['points']): number[] =>
  points.slice(1).map(({ at, seconds }, i) => {
    const before = points[i]!;
    return Math.log(seconds / before.seconds) / Math.log(at / before.at);
  });

/** So close to 1 is 1, and to 0 is 0. */
const NEAR = 0.05;

function growth(exponents: readonly number[]): string {
  if (exponents.length === 0) return 'too little to say';
  const [least, most] = [Math.min(...exponents), Math.max(...exponents)];
  const range = `exponents ${least.toFixed(2)} to ${most.toFixed(2)}`;
  if (most < NEAR && least > -NEAR) return `constant, ${range}`;
  if (most < 1 - NEAR) return `less than linear, ${range}`;
  if (least > 1 + NEAR) return `more than linear, ${range}`;
  return least >= 1 - NEAR && most <= 1 + NEAR ? `linear, ${range}` : `linear here and not there, ${range}`;
}

/** How far measuring the same update again is off, and what that does to an exponent. */
function repeated(curves: readonly Curve[]): string[] {
  const seconds = curves.flatMap(({ baseAt, points }) =>
    points.filter(({ at }) => at === baseAt).map((point) => point.seconds),
  );
  if (seconds.length < 2) return [];
  const [least, most] = [Math.min(...seconds), Math.max(...seconds)];
  const percent = (100 * (most / least - 1)).toFixed(0);
  return [
    `The same update stands in ${seconds.length} of the tables and was measured for each: ${least} to ${most} s, ${percent} % apart. Over a doubling, as much is`,
    `${Math.log2(most / least).toFixed(2)} of an exponent.`,
    '',
  ];
}
