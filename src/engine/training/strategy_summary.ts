/** What the rows of an evaluation say of the reasoning strategies together. Pure. */
import type { EvaluatedOutput } from '../../protocol/evaluated_output.ts';
import type { EvaluationRow } from '../../protocol/records.ts';
import type { StrategyEvaluation, StrategySummary } from '../../protocol/strategy_records.ts';
import { majorityVote, mean } from '../evaluate/statistics.ts';
import { entropyOf } from '../forking/diversity.ts';
import { logSoftmax } from '../forking/gfpo.ts';
import { distinctN, meanPairwiseJaccard } from '../forking/ngrams.ts';

/**
 * The N disjoint sets of k voters of one question: k/N samples of every tag, as the authors' evaluation lays them out, or k samples
 * without tags. Empty when nothing was sampled.
 */
export function consensusSets({ tagLogProbs, outputs, untagged }: StrategyEvaluation): EvaluatedOutput[][] {
  const count = tagLogProbs.length;
  const perTag = (outputs[0]?.samples.length ?? 0) / count;
  const k = outputs.length > 0 ? perTag * count : untagged.length / count;
  if (k === 0) return [];
  return Array.from({ length: count }, (_, set) =>
    outputs.length > 0
      ? outputs.flatMap(({ samples }) => samples.slice(set * perTag, (set + 1) * perTag))
      : untagged.slice(set * k, (set + 1) * k),
  );
}

/** One output of every tag, k times over, or N samples without tags. */
function ensembles({ tagLogProbs, outputs, untagged }: StrategyEvaluation): EvaluatedOutput[][] {
  const count = tagLogProbs.length;
  if (outputs.length > 0) return outputs[0]!.samples.map((_, j) => outputs.map(({ samples }) => samples[j]!));
  return Array.from({ length: untagged.length / count }, (_, j) => untagged.slice(j * count, (j + 1) * count));
}

function voteIsRight(voters: readonly EvaluatedOutput[]): boolean {
  const winner = majorityVote(voters.map(({ extractedAnswer }) => extractedAnswer));
  return winner !== null && voters.some(({ extractedAnswer, correct }) => extractedAnswer === winner && correct);
}

const share = (outputs: readonly EvaluatedOutput[]): number => mean(outputs.map(({ correct }) => Number(correct)));
const meanOrNull = (values: readonly number[]): number | null => (values.length === 0 ? null : mean(values));

/** @param rows at least one, all with strategies of the same count */
export function summariseStrategies(rows: readonly EvaluationRow[]): StrategySummary {
  const all = rows.flatMap((row) => (row.strategies === undefined ? [] : [{ ...row, strategies: row.strategies }]));
  const evaluated = all.map(({ strategies }) => strategies);
  const count = evaluated[0]!.tagLogProbs.length;
  const tagged = evaluated[0]!.outputs.length > 0;
  const probabilities = evaluated.map(({ tagLogProbs }) => logSoftmax(tagLogProbs).map(Math.exp));
  const sets = evaluated.flatMap(consensusSets);
  const groups = evaluated.flatMap(ensembles);
  const ownSamples = evaluated.map(({ own, outputs, untagged }) => (tagged ? outputs[own - 1]!.samples : untagged));
  return {
    count,
    tagged,
    perStrategy: tagged ? Array.from({ length: count }, (_, tag) => perStrategy(evaluated, probabilities, tag)) : [],
    ownGreedyAccuracy: mean(all.map(({ greedy }) => Number(greedy.correct))),
    ownSampledAccuracy: meanOrNull(ownSamples.filter((own) => own.length > 0).map(share)),
    consensusAccuracy: meanOrNull(sets.map((voters) => Number(voteIsRight(voters)))),
    anyAccuracy: meanOrNull(groups.map((group) => Number(group.some(({ correct }) => correct)))),
    tagInformation: meanOrNull(evaluated.flatMap(({ tagInformation }) => tagInformation ?? [])),
    entropy: mean(probabilities.map(entropyOf)),
    distinctAnswers: meanOrNull(
      groups.map((group) => new Set(group.flatMap(({ extractedAnswer }) => extractedAnswer ?? [])).size),
    ),
    distinctBigrams: meanOrNull(
      groups.map((group) =>
        distinctN(
          group.map(({ text }) => text),
          2,
        ),
      ),
    ),
    pairwiseJaccard: meanOrNull(
      groups.flatMap(
        (group) =>
          meanPairwiseJaccard(
            group.map(({ text }) => text),
            2,
          ) ?? [],
      ),
    ),
  };
}

function perStrategy(
  evaluated: readonly StrategyEvaluation[],
  probabilities: readonly (readonly number[])[],
  tag: number,
): StrategySummary['perStrategy'][number] {
  const outputs = evaluated.map((row) => row.outputs[tag]!);
  const sampled = outputs.map(({ samples }) => samples).filter((samples) => samples.length > 0);
  return {
    probability: mean(probabilities.map((p) => p[tag]!)),
    chosenShare: mean(evaluated.map(({ own }) => Number(own === tag + 1))),
    greedyAccuracy: mean(outputs.map(({ greedy }) => Number(greedy.correct))),
    sampledAccuracy: meanOrNull(sampled.map(share)),
    majorityAccuracy: meanOrNull(sampled.map((samples) => Number(voteIsRight(samples)))),
    meanTokens: mean((sampled.length > 0 ? sampled.flat() : outputs.map(({ greedy }) => greedy)).map((o) => o.tokens)),
    meanAnswerLogProb: mean(
      outputs.map(({ answerLogProbSampled, answerLogProbGreedy }) => answerLogProbSampled ?? answerLogProbGreedy),
    ),
  };
}

/** What chooses the best checkpoint: gfpo is to pick the right strategy, the others to make every one of them right. */
export function validationScore(
  {
    greedyAccuracy,
    strategies,
  }: { readonly greedyAccuracy: number; readonly strategies?: StrategySummary | undefined },
  method: string,
): number {
  if (strategies === undefined || !strategies.tagged || method === 'gfpo') return greedyAccuracy;
  return mean(strategies.perStrategy.map((strategy) => strategy.greedyAccuracy));
}
