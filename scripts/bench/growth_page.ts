/** docs/bench/growth.md: a table and two charts per curve. */
import { lineChart } from './line_chart.ts';
import type { Report } from './report.ts';
import type { UpdateSizes } from './update.ts';

export interface Point {
  /** What grows. */
  readonly at: number;
  readonly seconds: number;
  readonly peakMemoryGB: number;
}

export interface Curve {
  readonly name: string;
  readonly title: string;
  readonly across: string;
  readonly expectation: string;
  readonly points: readonly Point[];
}

export function growthPage(
  machine: Report['machine'],
  curves: readonly Curve[],
  base: UpdateSizes,
  shape: string,
): { readonly text: string; readonly charts: Readonly<Record<string, string>> } {
  const charts: Record<string, string> = {};
  const sections = curves.map((curve) => {
    const at = curve.points.map((point) => point.at);
    const chart = (up: string, values: readonly number[]): string =>
      lineChart({ title: curve.title, across: curve.across, up, at, series: [{ label: up, values }] });
    charts[`${curve.name}-seconds`] = chart(
      'seconds',
      curve.points.map(({ seconds }) => seconds),
    );
    charts[`${curve.name}-memory`] = chart(
      'GB at the most',
      curve.points.map(({ peakMemoryGB }) => peakMemoryGB),
    );
    const rows = curve.points.map(({ at: x, seconds, peakMemoryGB }, i) => {
      const before = curve.points[i - 1];
      // 1 is linear: the exponent of a power law through this point and the one before.
      const exponent =
        before === undefined ? '' : (Math.log(seconds / before.seconds) / Math.log(x / before.at)).toFixed(2);
      return `| ${x} | ${seconds} | ${exponent} | ${peakMemoryGB} |`;
    });
    return [
      `## ${curve.title}`,
      '',
      `Expected: ${curve.expectation}.`,
      '',
      `| ${curve.across} | seconds | exponent | GB |`,
      '|---|---|---|---|',
      ...rows,
      '',
      `![seconds](growth/${curve.name}-seconds.svg) ![memory](growth/${curve.name}-memory.svg)`,
      '',
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
    `${machine.processor}, ${machine.cores} cores, ${machine.system}, Node ${machine.node}, onnxruntime ${machine.onnxruntime}.`,
    '',
    ...sections,
  ].join('\n');
  return { text, charts };
}
