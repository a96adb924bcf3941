/** What the forking experiment found, as `docs/results/forking.md` and `forking.json`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RandomStream } from '../../src/engine/common/random.ts';
import { bootstrapInterval, mean } from '../../src/engine/evaluate/statistics.ts';
import type { EvaluationRow } from '../../src/protocol/records.ts';
import { WAYS } from '../starter/ways.ts';
import type { Outcome, Results } from './experiment.ts';
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

export function writeForkingResults(results: Results, traces: string): void {
  const { experiment, of } = results;
  const { seeds } = experiment;
  const methods = ['base', ...experiment.methods.map(({ name }) => name)].map((name): MethodResult => {
    const outcomes = seeds.map((seed) => of(name, seed));
    const choose = (outcome: Outcome): TagChoice =>
      name.endsWith('gfpo') ? 'own' : name === 'base' ? 1 : chosenTag(outcome);
    return { name, outcomes, choices: outcomes.map(choose) };
  });
  const method = (name: string): MethodResult => methods.find((one) => one.name === name)!;
  const figures = new Map(
    methods.map(({ name, outcomes, choices }) => [name, outcomes.map((outcome, s) => figuresOf(outcome, choices[s]!))]),
  );
  const claims = patternOf(method);
  const json = {
    questions: method('base').outcomes[0]!.rows.length,
    seeds,
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
    pattern: claims,
    config: experiment.config,
    overrides: experiment.methods,
  };
  mkdirSync(FOLDER, { recursive: true });
  const portable = (_: string, value: unknown): unknown =>
    typeof value === 'string' ? value.replace(`${process.cwd()}/`, '') : value;
  writeFileSync(join(FOLDER, 'forking.json'), `${JSON.stringify(json, portable, 2)}\n`);
  const text = markdown(methods, figures, claims, results, traces);
  writeFileSync(join(FOLDER, 'forking.md'), text);
  console.log(text);
}

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

function markdown(
  methods: readonly MethodResult[],
  figures: ReadonlyMap<string, readonly Figures[]>,
  claims: readonly Claim[],
  { experiment }: Results,
  traces: string,
): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => [
    row(head),
    row(head.map(() => '---')),
    ...rows.map(row),
    '',
  ];
  const average = (name: string, figure: keyof Figures): number => mean(figures.get(name)!.map((one) => one[figure]));
  const percent = (name: string, figure: keyof Figures): string => {
    const perSeed = figures.get(name)!.map((one) => (100 * one[figure]).toFixed(1));
    return `${(100 * average(name, figure)).toFixed(1)} (${perSeed.join(', ')})`;
  };
  const signed = (value: number, scale: number, digits: number): string =>
    `${value >= 0 ? '+' : '−'}${Math.abs(scale * value).toFixed(digits)}`;
  const said = ({ mean: value, interval: [low, high] }: Estimate, scale: number, digits: number): string =>
    `${signed(value, scale, digits)} [${signed(low, scale, digits)}, ${signed(high, scale, digits)}]`;
  const rows = readFileSync(traces, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { answer: string; rationales: Record<string, string> });
  const rightTraces = rows.flatMap(({ answer, rationales }) =>
    Object.values(rationales).map((text) => Number(text.includes(`The answer is ${answer}.`))),
  );
  const ssft = methods.find(({ name }) => name === 'ssft')!;
  return [
    `# ${experiment.title}`,
    '',
    'Written by `npm run experiment:forking`. The task: sums of four parts that can be worked out from the first on, from the last back, or in',
    'pairs; who goes one way often stops early in one of three kinds of story. Three strategies, `<think1>` to `<think3>`, one learned row each.',
    `${ssft.outcomes[0]!.rows.length} unseen questions, seeds ${experiment.seeds.join(', ')}. Traces: one text of each of three writers, who go one way each, for each of ${rows.length.toLocaleString('en-US')} training`,
    `questions; nobody checked them, ${(100 * mean(rightTraces)).toFixed(1)} % are right. \`base\` and \`mixed\` are asked without tags.`,
    '',
    'pass@1: share of right samples at temperature 1 under the one tag that did best on the validation questions or, after GFPO, under the tag',
    'the model finds likeliest. cons@3: vote of one sample of each tag, mean over three sets. maj@3: vote of three samples under the one tag.',
    'any: at least one of three tags is right. Without tags all of these are of plain samples. Percent, mean over seeds (each seed).',
    '',
    ...table(
      ['method', 'pass@1', 'cons@3', 'maj@3', 'any', 'tokens'],
      methods.map(({ name }) => [
        name,
        percent(name, 'pass1'),
        percent(name, 'consN'),
        percent(name, 'majN'),
        percent(name, 'anyN'),
        average(name, 'meanTokens').toFixed(0),
      ]),
    ),
    'Diversity, over one rationale of each tag: I(g;z|x) in nats (0: tags mean nothing; at most log 3 = 1.10), distinct answers, distinct-2',
    'and mean pairwise Jaccard of word pairs of the rationales, and the entropy H of the tag probabilities at the fork, nats.',
    '',
    ...table(
      ['method', 'I(g;z\\|x)', 'distinct answers', 'distinct-2', 'Jaccard', 'H(fork)'],
      methods.map(({ name, outcomes }) => [
        name,
        said(estimate(perQuestion({ name, outcomes, choices: outcomes.map(() => 'own') }, information)), 1, 2),
        average(name, 'distinctAnswers').toFixed(2),
        average(name, 'distinctBigrams').toFixed(2),
        average(name, 'rationaleJaccard').toFixed(2),
        average(name, 'entropy').toFixed(2),
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
    ...table(
      ['comparison', 'pass@1', 'cons@3'],
      experiment.comparisons.map(([later, earlier]) => {
        const pair = [later, earlier].map((name) => methods.find((one) => one.name === name)!) as [
          MethodResult,
          MethodResult,
        ];
        return [
          `${later} − ${earlier}`,
          said(difference(...pair, pass1), 100, 1),
          said(difference(...pair, consensus), 100, 1),
        ];
      }),
    ),
    ...experiment.notes.map((note) => `- ${note}`),
    '',
  ].join('\n');
}
