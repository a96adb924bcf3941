/**
 * SSFT: every trace of a question is learned under a tag of its own, the assignment of least cost under the current weights. Equations,
 * controls and what of them is ours stand in forking/ssft.ts; where the traces come from in traces.ts. A trace is learned with its
 * answer segment y behind it, as a teacher's trace ends with its answer.
 */
import type { StrategyMetrics } from '../../../protocol/strategy_records.ts';
import { foldKey, RandomStream } from '../../common/random.ts';
import { frequenciesOf, matchingCounts } from '../../forking/diversity.ts';
import { matchingCost } from '../../forking/hungarian.ts';
import { assignTags, matchingCosts, ssftSequenceWeights } from '../../forking/ssft.ts';
import { orderFreeMean as mean } from '../../latro/log_space.ts';
import { type Continuation, type PromptGroup, predictTokens } from '../../model/packing.ts';
import type { EncodedQuestion } from '../question_encoder.ts';
import { rationaleKey } from '../rollout.ts';
import { withWeights } from '../rollout_record.ts';
import type { Method, MethodContext } from './method.ts';
import { statisticsOf } from './sampling.ts';
import { afterTag, requireTags, strategyMetrics, type Tag } from './tagged_sampling.ts';
import { type QuestionTraces, type Trace, tracesOf } from './traces.ts';

const MATCHING_STREAM = 0x0_55_f7_00;

export const ssft: Method = async (context, request) => {
  const { config, policy } = context;
  const { matching, traces: most } = config.ssft;
  const tags = matching === 'mixed' ? null : requireTags(policy, 'ssft').ids;
  const start = performance.now();
  const found = await tracesOf(context, request, tags === null ? most : Math.min(most, tags.length));
  const sampledAt = performance.now();
  const costs = await costsOf(context, request.questions, found.traces, tags);
  const assigned = found.traces.map((_, q) => {
    const key = rationaleKey(config.seed, request.step, request.questions[q]!.row.rowKey, 0);
    return assignTags(costs[q]!, matching, new RandomStream(foldKey(MATCHING_STREAM, key)));
  });
  const scoredAt = performance.now();

  const groups = trainingGroups(request.questions, found.traces, assigned, tags, config.ssft.answerWeight);
  const rollouts = found.rollouts.map((rollout, q) =>
    withWeights(rollout, traceWeights(found.traces[q]!, groups[q]!, assigned[q]!, tags)),
  );
  const taught = [...groups.keys()].filter((q) => groups[q]!.continuations.length > 0);
  const zeroVariance = groups.map(({ continuations }) => continuations.length === 0);
  const strategies =
    config.strategies.count === 0
      ? {}
      : { strategies: metricsOf(config.strategies.count, found, assigned, matching === 'matched' ? costs : null) };
  return {
    groups: taught.map((q) => groups[q]!),
    sources: taught,
    rollouts,
    statistics: {
      ...statisticsOf(found.rollouts, zeroVariance, config.sampling.minRationaleTokens),
      ...strategies,
    },
    secondsSample: (sampledAt - start) / 1000,
    secondsScore: (scoredAt - sampledAt) / 1000,
    state: request.state,
  };
};

/** C of every question, (Q, N, M); all 0 for the controls, which do not look at it. */
async function costsOf(
  { config, policy }: MethodContext,
  questions: readonly EncodedQuestion[],
  traces: readonly (readonly Trace[])[],
  tags: readonly (readonly number[])[] | null,
): Promise<number[][][]> {
  const { matching, prefixTokens } = config.ssft;
  if (matching !== 'matched' || tags === null) {
    return traces.map((own) => (tags ?? [[]]).map(() => own.map(() => 0)));
  }
  const scores = await policy.model.score(
    questions.map(({ promptIds }, q) => ({
      prompt: promptIds,
      continuations: tags.flatMap((tag) =>
        traces[q]!.map(({ ids }) => {
          const prefix = ids.slice(0, prefixTokens);
          return afterTag({ ids: prefix.slice(0, -1), predictions: predictTokens(prefix) }, tag);
        }),
      ),
    })),
    { tokenBudget: config.tokenBudget },
  );
  return traces.map((own, q) => {
    const perTag = tags.map((_, tag) => own.map((_, j) => scores[q]![tag * own.length + j]!));
    return matchingCosts(perTag, prefixTokens);
  });
}

/** x ⊕ g ⊕ r ⊕ y of every matched trace, with the weights of L_SSFT. */
function trainingGroups(
  questions: readonly EncodedQuestion[],
  traces: readonly (readonly Trace[])[],
  assigned: readonly (readonly Tag[])[],
  tags: readonly (readonly number[])[] | null,
  answerWeight: number,
): PromptGroup[] {
  const sequences = questions.map(({ answerIds }, q) => {
    const learnedAnswer = answerWeight === 0 ? [] : answerIds;
    return traces[q]!.map(({ ids }, j) => {
      const tag = assigned[q]![j] ?? null;
      return { tag: tag === null ? [] : tags![tag]!, trace: ids, answer: learnedAnswer };
    });
  });
  const traceTokens = sequences.flat().reduce((total, { trace, answer }) => total + trace.length + answer.length, 0);
  return sequences.map((own, q) => ({
    prompt: questions[q]!.promptIds,
    continuations: own.map(({ tag, trace, answer }): Continuation => {
      const lengths = { prompt: 0, tag: tag.length, trace: trace.length, answer: answer.length };
      const weights = ssftSequenceWeights(lengths, traceTokens, answerWeight);
      const ids = [...tag, ...trace, ...answer];
      const predictions = ids.flatMap((target, at) =>
        weights[at] === 0 ? [] : [{ at, target, weight: weights[at]! }],
      );
      return { ids: ids.slice(0, -1), predictions };
    }),
  }));
}

/** w_t of each sampled trace, by the number of its sample. */
function traceWeights(
  traces: readonly Trace[],
  { continuations }: PromptGroup,
  assigned: readonly Tag[],
  tags: readonly (readonly number[])[] | null,
): Map<number, number> {
  const weights = new Map<number, number>();
  for (const [j, { sample }] of traces.entries()) {
    const tag = assigned[j] ?? null;
    const start = tag === null ? 0 : tags![tag]!.length;
    const first = continuations[j]?.predictions.find(({ at }) => at === start);
    if (sample !== undefined) weights.set(sample, first?.weight ?? 0);
  }
  return weights;
}

function metricsOf(
  count: number,
  { traces, sources, rollouts, tagLogProbs }: QuestionTraces,
  assigned: readonly (readonly Tag[])[],
  costs: readonly (readonly (readonly number[])[])[] | null,
): StrategyMetrics {
  const matchings = assigned.flatMap((tags, q) =>
    tags.flatMap((tag, j) => (tag === null ? [] : [{ tag, source: traces[q]![j]!.source }])),
  );
  const matched = costs?.flatMap((cost, q) =>
    assigned[q]!.length === 0 ? [] : [matchingCost(cost, assigned[q] as readonly number[]) / assigned[q]!.length],
  );
  const counts = matchingCounts(matchings, count, sources.length);
  return {
    ...strategyMetrics(count, tagLogProbs, rollouts),
    matching:
      matchings.length === 0
        ? null
        : {
            sources: [...sources],
            counts,
            entropy: frequenciesOf(counts).entropy,
            meanCost: matched === undefined || matched.length === 0 ? null : mean(matched),
          },
    traces: traces.flat().length,
  };
}
