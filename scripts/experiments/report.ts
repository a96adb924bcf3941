/** What an experiment found, as a table for people and as JSON: accuracy per seed, and differences with their intervals. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RandomStream } from '../../src/engine/common/random.ts';
import { bootstrapInterval, mean } from '../../src/engine/evaluate/statistics.ts';
import type { EvaluationRow } from '../../src/protocol/records.ts';
import type { Outcome, Results } from './experiment.ts';

type Pick = (row: EvaluationRow) => number;

const greedy: Pick = (row) => Number(row.greedy.correct);
const majority: Pick = (row) => Number(row.majorityCorrect ?? false);
const sampled: Pick = (row) => mean(row.samples.map(({ correct }) => Number(correct)));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join('docs', 'results');

/**
 * Writes `docs/results/NAME.md` and `NAME.json` and prints the former. With several experiments the JSON holds them by name.
 */
export function writeResults(name: string, title: string, results: readonly Results[]): void {
  mkdirSync(FOLDER, { recursive: true });
  const [only, ...more] = results;
  const json =
    only !== undefined && more.length === 0
      ? summary(only)
      : Object.fromEntries(results.map((one) => [one.experiment.name, summary(one)]));
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(json, portable, 2)}\n`);
  const text = [
    `# ${title}`,
    '',
    `Written by \`npm run experiment:${name}\`. Accuracy in percent. Greedy decoding; maj@8 is the majority of 8 samples at temperature 1,`,
    '"sampled" the share of right ones among them. The test questions chose nothing. `log p` is the mean log p(answer | question, greedy',
    'rationale) in nats. Differences are in points, averaged over seeds, with the 95 % interval of a paired bootstrap over questions.',
    '',
    ...results.flatMap((one) => section(one, results.length > 1)),
  ].join('\n');
  writeFileSync(join(FOLDER, `${name}.md`), text);
  console.log(text);
}

/** Paths as seen from the repository, so that the file says the same on every machine. */
function portable(_: string, value: unknown): unknown {
  return typeof value === 'string' && value.startsWith('/') ? relative(ROOT, value) : value;
}

const names = ({ experiment }: Results): string[] => [
  ...new Set([
    'base',
    ...experiment.methods.flatMap(({ name, from }) => (from === undefined ? [name] : [from.name, name])),
  ]),
];
const outcomes = ({ experiment, of }: Results, method: string): Outcome[] =>
  experiment.seeds.map((seed) => of(method, seed));
const percentages = (all: readonly Outcome[], pick: Pick): number[] =>
  all.map(({ rows }) => Math.round(mean(rows.map(pick)) * 1e4) / 1e2);

function summary(results: Results) {
  const { experiment } = results;
  return {
    questions: results.of('base', experiment.seeds[0]!).rows.length,
    seeds: experiment.seeds,
    methods: Object.fromEntries(names(results).map((name) => [name, figures(name, outcomes(results, name))])),
    comparisons: compared(results),
    config: experiment.config,
    overrides: experiment.methods,
  };
}

function figures(name: string, all: readonly Outcome[]) {
  return {
    greedy: percentages(all, greedy),
    maj8: percentages(all, majority),
    sampled: percentages(all, sampled),
    meanAnswerLogProb: all.map(({ rows }) => mean(rows.map((row) => row.answerLogProbGreedy))),
    meanTokens: all.map(({ rows }) => mean(rows.map((row) => row.greedy.tokens))),
    ...(name === 'base' ? {} : { seconds: all.map(({ seconds }) => Math.round(seconds)) }),
  };
}

/** Per question, averaged over seeds, so that the interval is over questions and seeds do not count as new ones. */
function difference(later: readonly Outcome[], earlier: readonly Outcome[], pick: Pick) {
  const perQuestion = later[0]!.rows.map((_, question) =>
    mean(later.map(({ rows }, seed) => pick(rows[question]!) - pick(earlier[seed]!.rows[question]!))),
  );
  return { points: mean(perQuestion), interval: bootstrapInterval(perQuestion, new RandomStream(20_260)) };
}

function compared(results: Results) {
  return results.experiment.comparisons.map(([later, earlier]) => {
    const both = [outcomes(results, later), outcomes(results, earlier)] as const;
    return { later, earlier, greedy: difference(...both, greedy), maj8: difference(...both, majority) };
  });
}

function section(results: Results, titled: boolean): string[] {
  const { experiment } = results;
  const { seeds } = experiment;
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const perSeed = (values: readonly number[]): string[] =>
    seeds.length === 1
      ? [mean(values).toFixed(1)]
      : [mean(values).toFixed(1), values.map((value) => value.toFixed(1)).join(', ')];
  const head = (label: string): string[] => (seeds.length === 1 ? [label] : [label, 'per seed']);
  const columns = ['method', ...head('greedy'), ...head('maj@8'), 'sampled', 'log p', 'tokens'];
  const table = names(results).map((name) => {
    const f = figures(name, outcomes(results, name));
    return row([
      name,
      ...perSeed(f.greedy),
      ...perSeed(f.maj8),
      mean(f.sampled).toFixed(1),
      mean(f.meanAnswerLogProb).toFixed(2),
      mean(f.meanTokens).toFixed(0),
    ]);
  });
  const questions = results.of('base', seeds[0]!).rows.length;
  return [
    ...(titled ? [`## ${experiment.title}`, ''] : []),
    `${questions} unseen questions, ${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}.`,
    '',
    row(columns),
    row(columns.map(() => '---')),
    ...table,
    '',
    row(['comparison', 'greedy', 'maj@8']),
    row(['---', '---', '---']),
    ...compared(results).map(({ later, earlier, greedy: g, maj8 }) =>
      row([`${later} − ${earlier}`, change(g), change(maj8)]),
    ),
    '',
    ...[...experiment.notes, ...(experiment.findings?.(results) ?? [])].map((note) => `- ${note}`),
    '',
  ];
}

const points = (share: number): string => `${share >= 0 ? '+' : '−'}${Math.abs(100 * share).toFixed(1)}`;

function change({ points: value, interval: [low, high] }: { points: number; interval: [number, number] }): string {
  return `${points(value)} [${points(low)}, ${points(high)}]`;
}
