/** What the forking experiment measures of one evaluated run, per question where intervals are drawn over questions. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { majorityVote, mean } from '../../src/engine/evaluate/statistics.ts';
import { frequenciesOf } from '../../src/engine/forking/diversity.ts';
import { distinctN, meanPairwiseJaccard } from '../../src/engine/forking/ngrams.ts';
import { consensusSets, summariseStrategies } from '../../src/engine/training/strategy_summary.ts';
import type { EvaluatedOutput } from '../../src/protocol/evaluated_output.ts';
import type { EvaluationRow, RunEvent } from '../../src/protocol/records.ts';
import type { StrategyEvaluation, StrategySummary } from '../../src/protocol/strategy_records.ts';
import { WAYS } from '../starter/ways.ts';
import type { Outcome } from './experiment.ts';
import { wayOf } from './forking_writers.ts';

const share = (outputs: readonly EvaluatedOutput[]): number => mean(outputs.map(({ correct }) => Number(correct)));
export const strategiesOf = (row: EvaluationRow): StrategyEvaluation => row.strategies!;

function isVoteRight(voters: readonly EvaluatedOutput[]): boolean {
  const winner = majorityVote(voters.map(({ extractedAnswer }) => extractedAnswer));
  return winner !== null && voters.some(({ extractedAnswer, correct }) => extractedAnswer === winner && correct);
}

/** Which tag answers when one has to: `own`, the model's likeliest, or the 1-based one that was best on the validation questions. */
export type TagChoice = 'own' | number;

/** The samples under that tag; without tags all plain samples. */
function samplesOf(row: EvaluationRow, choice: TagChoice): readonly EvaluatedOutput[] {
  const { outputs, own, untagged } = strategiesOf(row);
  return outputs.length === 0 ? untagged : outputs[(choice === 'own' ? own : choice) - 1]!.samples;
}

/** pass@1: share of right samples. */
export const pass1 = (row: EvaluationRow, choice: TagChoice): number => share(samplesOf(row, choice));

/** cons@N: the vote over the tags (without tags, of N plain samples), mean over the disjoint sets. */
export const consensus = (row: EvaluationRow): number =>
  mean(consensusSets(strategiesOf(row)).map((v) => Number(isVoteRight(v))));

/** maj@N under one tag, at the same number of samples. */
export function majorityUnderOne(row: EvaluationRow, choice: TagChoice): number {
  return strategiesOf(row).outputs.length === 0 ? consensus(row) : Number(isVoteRight(samplesOf(row, choice)));
}

export const information = (row: EvaluationRow): number => strategiesOf(row).tagInformation ?? 0;

/**
 * The strategy with most right greedy answers on the validation questions at the end of the run; the lowest of several. 1 without tags.
 * Ours: the paper takes the tag that most traces were matched to, by a heuristic (its eq. 4) whose text was not reachable.
 */
export function chosenTag({ directory }: Outcome): number {
  const folder = join(directory, 'evaluations');
  const name = readdirSync(folder)
    .filter((file) => file.endsWith('-validation.json'))
    .sort()
    .at(-1);
  if (name === undefined) throw new Error(`${directory} has no evaluation of the validation questions`);
  const { strategies } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { strategies: StrategySummary };
  const accuracies = strategies.perStrategy.map(({ greedyAccuracy }) => greedyAccuracy);
  return accuracies.length === 0 ? 1 : accuracies.indexOf(Math.max(...accuracies)) + 1;
}

export interface Figures {
  readonly pass1: number;
  readonly consN: number;
  readonly majN: number;
  readonly anyN: number;
  readonly tagInformation: number;
  readonly entropy: number;
  readonly distinctAnswers: number;
  readonly distinctBigrams: number;
  readonly pairwiseJaccard: number;
  /** Of the rationale part alone: the answer template is the same in every output. */
  readonly rationaleJaccard: number;
  readonly meanTokens: number;
}

export function figuresOf({ rows }: Outcome, choice: TagChoice): Figures {
  const summary = summariseStrategies(rows);
  const groups = rows.map((row) => firstOfEach(strategiesOf(row)).map(({ text }) => text.split('\nThe answer is')[0]!));
  return {
    pass1: mean(rows.map((row) => pass1(row, choice))),
    consN: mean(rows.map(consensus)),
    majN: mean(rows.map((row) => majorityUnderOne(row, choice))),
    anyN: summary.anyAccuracy ?? 0,
    tagInformation: mean(rows.map(information)),
    entropy: summary.entropy,
    distinctAnswers: summary.distinctAnswers ?? 0,
    distinctBigrams: mean(groups.map((texts) => distinctN(texts, 2))),
    pairwiseJaccard: summary.pairwiseJaccard ?? 1,
    rationaleJaccard: mean(groups.map((texts) => meanPairwiseJaccard(texts, 2) ?? 1)),
    meanTokens: mean(rows.flatMap((row) => samplesOf(row, choice)).map(({ tokens }) => tokens)),
  };
}

function firstOfEach({ outputs, untagged, tagLogProbs }: StrategyEvaluation): readonly EvaluatedOutput[] {
  return outputs.length === 0 ? untagged.slice(0, tagLogProbs.length) : outputs.map(({ samples }) => samples[0]!);
}

/** (N, 3): share of the outputs under each tag that go each way; one row without tags. And the same of their accuracy. */
export function waysOfTags({ rows }: Outcome): {
  readonly shares: number[][];
  readonly accuracies: (number | null)[][];
} {
  const variants = rows.map((row) => {
    const { outputs, untagged } = strategiesOf(row);
    return outputs.length === 0 ? [untagged] : outputs.map(({ samples }) => samples);
  });
  const perTag = variants[0]!.map((_, tag) => variants.flatMap((row) => row[tag]!));
  const going = (outputs: readonly EvaluatedOutput[], way: string) => outputs.filter(({ text }) => wayOf(text) === way);
  return {
    shares: perTag.map((outputs) => WAYS.map((way) => going(outputs, way).length / outputs.length)),
    accuracies: perTag.map((outputs) =>
      WAYS.map((way) => (going(outputs, way).length === 0 ? null : share(going(outputs, way)))),
    ),
  };
}

/** Entropy of the matching frequencies, nats, over the first and the last quarter of a run's updates. */
export function matchingEntropies({ directory }: Outcome): { readonly first: number; readonly last: number } | null {
  const events = readFileSync(join(directory, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RunEvent);
  const tables = events.flatMap((event) =>
    event.type === 'step' && event.metrics.strategies?.matching ? [event.metrics.strategies.matching.counts] : [],
  );
  if (tables.length === 0) return null;
  const quarter = Math.ceil(tables.length / 4);
  const entropy = (some: readonly number[][][]): number =>
    frequenciesOf(some[0]!.map((row, i) => row.map((_, j) => some.reduce((sum, table) => sum + table[i]![j]!, 0))))
      .entropy;
  return { first: entropy(tables.slice(0, quarter)), last: entropy(tables.slice(-quarter)) };
}
