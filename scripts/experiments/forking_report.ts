/** What the forking experiment found, as `docs/results/forking.md` and `forking.json`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RandomStream } from '../../src/engine/common/random.ts';
import { bootstrapInterval, mean } from '../../src/engine/evaluate/statistics.ts';
import type { EvaluationRow } from '../../src/protocol/records.ts';
import { WAYS } from '../starter/ways.ts';
import type { Experiment, Outcome, Results } from './experiment.ts';
import {
  chosenTag,
  consensus,
  type Figures,
  figuresOf,
  information,
  matchingEntropies,
  pass1,
  type TagChoice,
  waysOfTags,
} from './forking_figures.ts';

const FOLDER = join('docs', 'results');
type Measure = (row: EvaluationRow, choice: TagChoice) => number;

/** One method over all seeds. */
interface MethodResult {
  readonly name: string;
  readonly outcomes: readonly Outcome[];
  /** Which tag answers alone: after gfpo the model's own, otherwise the one chosen on the validation questions. */
  readonly choices: readonly TagChoice[];
}

interface Estimate {
  readonly mean: number;
  /** 95 %, paired bootstrap over questions; seeds are averaged first, so that they do not count as new questions. */
  readonly interval: readonly [number, number];
}

function estimate(perQuestion: readonly number[]): Estimate {
  return { mean: mean(perQuestion), interval: bootstrapInterval(perQuestion, new RandomStream(20_260)) };
}

function perQuestion({ outcomes, choices }: MethodResult, measure: Measure): number[] {
  return outcomes[0]!.rows.map((_, q) => mean(outcomes.map(({ rows }, s) => measure(rows[q]!, choices[s]!))));
}

function difference(later: MethodResult, earlier: MethodResult, measure: Measure): Estimate {
  const before = perQuestion(earlier, measure);
  return estimate(perQuestion(later, measure).map((value, q) => value - before[q]!));
}

/** An experiment that was run, and the file of the traces it learned from. */
export interface Learned {
  readonly results: Results;
  readonly traces: string;
}

interface Measured {
  readonly experiment: Experiment;
  readonly methods: readonly MethodResult[];
  readonly method: (name: string) => MethodResult;
  /** By method, per seed. */
  readonly figures: ReadonlyMap<string, readonly Figures[]>;
}

function measure({ experiment, of }: Results): Measured {
  const methods = ['base', ...experiment.methods.map(({ name }) => name)].map((name): MethodResult => {
    const outcomes = experiment.seeds.map((seed) => of(name, seed));
    const choose = (outcome: Outcome): TagChoice =>
      name.endsWith('gfpo') ? 'own' : name === 'base' ? 1 : chosenTag(outcome);
    return { name, outcomes, choices: outcomes.map(choose) };
  });
  const figures = new Map(
    methods.map(({ name, outcomes, choices }) => [name, outcomes.map((outcome, s) => figuresOf(outcome, choices[s]!))]),
  );
  return { experiment, methods, method: (name) => methods.find((one) => one.name === name)!, figures };
}

/** @param right the controls again, on right traces alone */
export function writeForkingResults(main: Learned, right: Learned): void {
  const measured = measure(main.results);
  const measuredRight = measure(right.results);
  const claims = patternOf(measured.method);
  const json = {
    questions: measured.method('base').outcomes[0]!.rows.length,
    seeds: measured.experiment.seeds,
    ...recordOf(measured),
    pattern: claims,
    config: measured.experiment.config,
    overrides: measured.experiment.methods,
    rightTraces: { ...recordOf(measuredRight), overrides: measuredRight.experiment.methods },
  };
  mkdirSync(FOLDER, { recursive: true });
  const portable = (_: string, value: unknown): unknown =>
    typeof value === 'string' ? value.replace(`${process.cwd()}/`, '') : value;
  writeFileSync(join(FOLDER, 'forking.json'), `${JSON.stringify(json, portable, 2)}\n`);
  const text = [
    ...markdown(measured, claims, readTraces(main.traces)),
    ...rightSection(measuredRight, readTraces(right.traces)),
    ...measured.experiment.notes.map((note) => `- ${note}`),
    '',
  ].join('\n');
  writeFileSync(join(FOLDER, 'forking.md'), text);
  console.log(text);
}

function recordOf({ experiment, methods, method, figures }: Measured) {
  return {
    methods: Object.fromEntries(
      methods.map(({ name, outcomes, choices }) => [
        name,
        {
          ...columns(figures.get(name)!),
          answersAlone: choices,
          waysOfTags: outcomes.map(waysOfTags),
          matchingEntropy: outcomes.map(matchingEntropies),
          ...(name === 'base' ? {} : { seconds: outcomes.map(({ seconds }) => Math.round(seconds)) }),
        },
      ]),
    ),
    comparisons: experiment.comparisons.map(([later, earlier]) => ({
      later,
      earlier,
      pass1: difference(method(later), method(earlier), pass1),
      consN: difference(method(later), method(earlier), consensus),
    })),
  };
}

type TraceRow = { readonly answer: string; readonly rationales: Readonly<Record<string, string>> };
const readTraces = (path: string): TraceRow[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TraceRow);

/** The same figure of every seed in one list: accuracies in percent. */
function columns(all: readonly Figures[]) {
  const percentages: readonly (keyof Figures)[] = ['pass1', 'consN', 'majN', 'anyN'];
  const names = Object.keys(all[0]!) as (keyof Figures)[];
  const digits = (name: keyof Figures, value: number): number =>
    percentages.includes(name) ? Math.round(value * 1e4) / 1e2 : Math.round(value * 1e4) / 1e4;
  return Object.fromEntries(names.map((name) => [name, all.map((one) => digits(name, one[name]))])) as Record<
    keyof Figures,
    number[]
  >;
}

interface Claim {
  readonly claim: string;
  readonly difference: Estimate;
  readonly verdict: 'holds' | 'same direction, within noise' | 'other direction, within noise' | 'does not hold';
}

/** I(g;z|x) is called well above 0 from this on, and near 0 below it, nats. The most possible is log 3 = 1.10. */
const CLEARLY_INFORMATIVE = 0.1;

/** The paper's pattern, claim by claim. */
function patternOf(method: (name: string) => MethodResult): Claim[] {
  const atLeast = (claim: string, later: string, earlier: string, measure: Measure): Claim => {
    const found = difference(method(later), method(earlier), measure);
    const [low, high] = found.interval;
    const undecided = found.mean >= 0 ? 'same direction, within noise' : 'other direction, within noise';
    const verdict = low > 0 ? 'holds' : high < 0 ? 'does not hold' : undecided;
    return { claim, difference: found, verdict };
  };
  const informative = (name: string, above: boolean): Claim => {
    const found = estimate(perQuestion(method(name), information));
    const [low, high] = found.interval;
    const holds = above ? low > CLEARLY_INFORMATIVE : high < CLEARLY_INFORMATIVE;
    return {
      claim: `I(g;z|x) ${above ? 'well above 0' : 'near 0'} for ${name}`,
      difference: found,
      verdict: holds ? 'holds' : 'does not hold',
    };
  };
  return [
    atLeast('cons@3: ssft ≥ random', 'ssft', 'random', consensus),
    atLeast('cons@3: random ≥ mixed', 'random', 'mixed', consensus),
    atLeast('cons@3: ssft ≥ mixed', 'ssft', 'mixed', consensus),
    atLeast('pass@1: ssft ≥ mixed', 'ssft', 'mixed', pass1),
    atLeast('pass@1: ssft+gfpo ≥ ssft', 'ssft+gfpo', 'ssft', pass1),
    informative('ssft', true),
    informative('mixed', false),
  ];
}

const tableRow = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => [
  tableRow(head),
  tableRow(head.map(() => '---')),
  ...rows.map(tableRow),
  '',
];
const signed = (value: number, scale: number, digits: number): string =>
  `${value >= 0 ? '+' : '−'}${Math.abs(scale * value).toFixed(digits)}`;
const said = ({ mean: value, interval: [low, high] }: Estimate, scale: number, digits: number): string =>
  `${signed(value, scale, digits)} [${signed(low, scale, digits)}, ${signed(high, scale, digits)}]`;
/** In percent: the mean over seeds, and each seed. */
const percent = (perSeed: readonly number[]): string =>
  `${(100 * mean(perSeed)).toFixed(1)} (${perSeed.map((value) => (100 * value).toFixed(1)).join(', ')})`;

/** Accuracies, one row per method. */
function accuracyTable({ methods, figures }: Measured): string[] {
  const of = (name: string, figure: keyof Figures): number[] => figures.get(name)!.map((one) => one[figure]);
  return table(
    ['method', 'pass@1', 'cons@3', 'maj@3', 'any', 'tokens'],
    methods.map(({ name }) => [
      name,
      ...(['pass1', 'consN', 'majN', 'anyN'] as const).map((figure) => percent(of(name, figure))),
      mean(of(name, 'meanTokens')).toFixed(0),
    ]),
  );
}

function comparisonTable({ experiment, method }: Measured): string[] {
  return table(
    ['comparison', 'pass@1', 'cons@3'],
    experiment.comparisons.map(([later, earlier]) => [
      `${later} − ${earlier}`,
      said(difference(method(later), method(earlier), pass1), 100, 1),
      said(difference(method(later), method(earlier), consensus), 100, 1),
    ]),
  );
}

const informationOf = (method: MethodResult): string => said(estimate(perQuestion(method, information)), 1, 2);

/** The controls on right traces alone. */
function rightSection(measured: Measured, traces: readonly TraceRow[]): string[] {
  const perRow = mean(traces.map(({ rationales }) => Object.keys(rationales).length));
  return [
    '## With right traces only',
    '',
    'The same updates on traces of which all are right: the starter’s own, 4 samples for each training question, of them the right and',
    `different ones (as \`ssft.source\` "sampled"); ${traces.length.toLocaleString('en-US')} questions have any, ${perRow.toFixed(2)} on average. Such traces also teach to finish.`,
    '',
    ...accuracyTable(measured),
    ...table(
      ['method', 'I(g;z\\|x)', 'matching entropy, each seed'],
      measured.methods.map((method) => [
        method.name,
        informationOf(method),
        method.outcomes
          .flatMap((outcome) => matchingEntropies(outcome) ?? [])
          .map(({ first, last }) => `${first.toFixed(2)} → ${last.toFixed(2)}`)
          .join(', '),
      ]),
    ),
    ...comparisonTable(measured),
  ];
}

function markdown(measured: Measured, claims: readonly Claim[], traces: readonly TraceRow[]): string[] {
  const { experiment, methods, method, figures } = measured;
  const average = (name: string, figure: keyof Figures): number => mean(figures.get(name)!.map((one) => one[figure]));
  const right = traces.flatMap(({ answer, rationales }) =>
    Object.values(rationales).map((text) => Number(text.includes(`The answer is ${answer}.`))),
  );
  return [
    `# ${experiment.title}`,
    '',
    'Written by `npm run experiment:forking`. The task: sums of four parts that can be worked out from the first on, from the last back, or in',
    'pairs; who goes one way often stops early in one of three kinds of story. Three strategies, `<think1>` to `<think3>`, one learned row each.',
    `${method('ssft').outcomes[0]!.rows.length} unseen questions, seeds ${experiment.seeds.join(', ')}. Traces: one text of each of three writers, who go one way each, for each of ${traces.length.toLocaleString('en-US')} training`,
    `questions; nobody checked them, ${(100 * mean(right)).toFixed(1)} % are right. \`base\` and \`mixed\` are asked without tags.`,
    '',
    'pass@1: share of right samples at temperature 1 under the one tag that did best on the validation questions or, after GFPO, under the tag',
    'the model finds likeliest. cons@3: vote of one sample of each tag, mean over three sets. maj@3: vote of three samples under the one tag.',
    'any: at least one of three tags is right. Without tags all of these are of plain samples. Percent, mean over seeds (each seed).',
    '',
    ...accuracyTable(measured),
    'Diversity, over one rationale of each tag: I(g;z|x) in nats (0: tags mean nothing; at most log 3 = 1.10), distinct answers, distinct-2',
    'and mean pairwise Jaccard of word pairs of the rationales, and the entropy H of the tag probabilities at the fork, nats.',
    '',
    ...table(
      ['method', 'I(g;z\\|x)', 'distinct answers', 'distinct-2', 'Jaccard', 'H(fork)'],
      methods.map((one) => [
        one.name,
        informationOf(one),
        average(one.name, 'distinctAnswers').toFixed(2),
        average(one.name, 'distinctBigrams').toFixed(2),
        average(one.name, 'rationaleJaccard').toFixed(2),
        average(one.name, 'entropy').toFixed(2),
      ]),
    ),
    'Which way the samples under each tag go, in percent of them (each seed), and the entropy of which tag takes which way’s traces in the',
    'first and the last quarter of training, nats (log 3 = 1.10: at random; 0: each way has its tag):',
    '',
    ...table(
      ['method', 'seed', ...WAYS, 'matching entropy'],
      methods.flatMap(({ name, outcomes }) =>
        outcomes.map((outcome, s) => {
          const { shares } = waysOfTags(outcome);
          const matching = matchingEntropies(outcome);
          const ofWay = (way: number): string => shares.map((tag) => (100 * tag[way]!).toFixed(0)).join(' / ');
          const entropies = matching === null ? '' : `${matching.first.toFixed(2)} → ${matching.last.toFixed(2)}`;
          return [name, String(experiment.seeds[s]), ...WAYS.map((_, way) => ofWay(way)), entropies];
        }),
      ),
    ),
    "The paper's pattern. Differences in points (information in nats), averaged over seeds, with the 95 % interval of a paired bootstrap over",
    `questions; "holds": the interval lies above 0 (information: above or below ${CLEARLY_INFORMATIVE} nats), "does not hold": below.`,
    '',
    ...table(
      ['claim', 'difference', 'verdict'],
      claims.map(({ claim, difference: found, verdict }) => [
        claim.replaceAll('|', '\\|'),
        claim.startsWith('I(') ? said(found, 1, 2) : said(found, 100, 1),
        verdict,
      ]),
    ),
    ...comparisonTable(measured),
  ];
}
