/**
 * Evaluates questions under every reasoning strategy: N greedy outputs and N·k samples each, so that one set of samples gives pass@1 under
 * any tag, cons@k over the tags and maj@k under one tag at equal k. Weights that use no tags (a base that never saw one, control `mixed`)
 * are asked without, as often. I(g; z | x) is measured either way, on one rationale sampled under each tag.
 */
import type { EvaluationRow } from '../../protocol/records.ts';
import type { StrategyEvaluation } from '../../protocol/strategy_records.ts';
import { majorityVote, mean } from '../evaluate/statistics.ts';
import type { ControlTokens } from '../forking/control_tokens.ts';
import { tagInformation } from '../forking/diversity.ts';
import type { Sample } from '../model/generate.ts';
import { type PromptGroup, predictTokens } from '../model/packing.ts';
import {
  answerLogProb,
  describeOutput,
  type EvaluatorSettings,
  type OutputRequest,
  rationaleOf,
  sampleOutputs,
  sum,
} from './evaluation_sampling.ts';
import { requireTags, scoreForks, underTag } from './methods/tagged_sampling.ts';
import { requireFiniteScores } from './non_finite.ts';
import type { Policy } from './policy.ts';
import type { EncodedQuestion } from './question_encoder.ts';
import type { QuestionTask } from './question_task.ts';
import { consensusSets } from './strategy_summary.ts';

export async function evaluateStrategies(
  policy: Policy,
  task: QuestionTask,
  questions: readonly EncodedQuestion[],
  settings: EvaluatorSettings,
  signal: AbortSignal | undefined,
): Promise<EvaluationRow[]> {
  const tags = requireTags(policy, 'evaluation');
  const tagged = settings.tagged ?? true;
  const { tagLogProbs, bare } = await scoreForks((groups) => policy.model.score(groups), questions, tags);
  const asked = await ask(policy, task, tags, questions, settings, tagged, signal);
  const probed = await scoreProbes(policy, task, tags, questions, asked);

  return questions.map(({ row }, q): EvaluationRow => {
    const { greedy, samples, probes } = asked[q]!;
    const rationales = probed[q]!;
    const withoutRationale = sum(bare[q]!);
    const answers = [...greedy, ...samples.flat()].map(answerLogProb);
    requireFiniteScores([withoutRationale, ...tagLogProbs[q]!, ...answers, ...rationales.flat()], row.line);
    const own = tagLogProbs[q]!.indexOf(Math.max(...tagLogProbs[q]!));
    // Per tag, or the one variant without: log π(y|…) after the greedy rationale, then after each sample's.
    const outputs = greedy.map((first, i) => ({
      greedy: describeOutput(first, row, task),
      samples: samples[i]!.map((sample) => describeOutput(sample, row, task)),
      answerLogProbGreedy: answerLogProb(first),
      answerLogProbSampled: samples[i]!.length === 0 ? null : mean(samples[i]!.map(answerLogProb)),
    }));
    const strategies: StrategyEvaluation = {
      tagLogProbs: [...tagLogProbs[q]!],
      own: own + 1,
      outputs: tagged ? outputs : [],
      untagged: tagged ? [] : outputs[0]!.samples,
      tagInformation:
        probes.length === 0 ? null : tagInformation(rationales.map((logProbs, tag) => ({ tag, logProbs }))),
    };
    const shown = outputs[tagged ? own : 0]!;
    const voters = consensusSets(strategies)[0] ?? [];
    const majority = voters.length === 0 ? null : majorityVote(voters.map((output) => output.extractedAnswer));
    const afterSamples = outputs.flatMap(({ answerLogProbSampled }) => answerLogProbSampled ?? []);
    return {
      rowKey: row.rowKey,
      line: row.line,
      question: row.question,
      goldAnswer: row.answer,
      greedy: shown.greedy,
      samples: voters,
      majorityAnswer: majority,
      majorityCorrect: voters.length === 0 ? null : majority !== null && task.matches(majority, row),
      answerLogProbWithoutRationale: withoutRationale,
      answerLogProbGreedy: shown.answerLogProbGreedy,
      answerLogProbSampled: afterSamples.length === 0 ? null : mean(afterSamples),
      strategies,
    };
  });
}

/** What one question was answered with. The first two per tag, or once without tags. */
interface Asked {
  readonly greedy: readonly Sample[];
  /** (N, k), or (1, N·k). */
  readonly samples: readonly (readonly Sample[])[];
  /** (N): one output under each tag, for I(g; z | x); empty without samples. */
  readonly probes: readonly Sample[];
}

async function ask(
  policy: Policy,
  task: QuestionTask,
  tags: ControlTokens,
  questions: readonly EncodedQuestion[],
  settings: EvaluatorSettings,
  tagged: boolean,
  signal: AbortSignal | undefined,
): Promise<Asked[]> {
  const { k } = settings;
  const count = tags.ids.length;
  const perVariant = tagged ? k : count * k;
  const variantsOf = (question: EncodedQuestion) =>
    tagged ? tags.ids.map((tag) => underTag(question, tag)) : [question];
  const sample = async (requests: readonly OutputRequest[]) => {
    const generated = await sampleOutputs(policy, task, requests, { ...settings, bareAnswers: false }, signal);
    return generated.map(({ samples }) => samples);
  };
  const outputs = await sample(
    questions.flatMap((question) =>
      variantsOf(question).map((variant, i) => ({
        question: variant,
        samples: ['greedy', ...Array.from({ length: perVariant }, (_, j) => i * k + j)],
      })),
    ),
  );
  const probed =
    k === 0 || tagged
      ? []
      : await sample(
          questions.flatMap((question) =>
            tags.ids.map((tag, i) => ({
              // Nobody asks for an answer after these.
              question: { ...underTag(question, tag), answerIds: [], answerParts: [] },
              samples: [count * k + i],
            })),
          ),
        );
  const variants = tagged ? count : 1;
  return questions.map((_, q) => {
    const own = outputs.slice(q * variants, (q + 1) * variants);
    const samples = own.map((all) => all.slice(1));
    const probes = k === 0 ? [] : tagged ? samples : probed.slice(q * count, (q + 1) * count);
    return {
      greedy: own.map(([first]) => first!),
      samples,
      probes: probes.map(([first]) => first!),
    };
  });
}

/** Per question (N probes, N tags): Σ log π(z | x, g). */
async function scoreProbes(
  policy: Policy,
  task: QuestionTask,
  tags: ControlTokens,
  questions: readonly EncodedQuestion[],
  asked: readonly Asked[],
): Promise<number[][][]> {
  const groups = questions.flatMap((question, q) => {
    const continuations = asked[q]!.probes.map((probe) => {
      const ids = rationaleOf(probe, task);
      return { ids: ids.slice(0, -1), predictions: predictTokens(ids) };
    });
    return tags.ids.map((tag): PromptGroup => ({ prompt: underTag(question, tag).promptIds, continuations }));
  });
  const scores = (await policy.model.score(groups)).map((group) => group.map(sum));
  return asked.map(({ probes }, q) => {
    const perTag = scores.slice(q * tags.ids.length, (q + 1) * tags.ids.length);
    return probes.map((_, j) => perTag.map((own) => own[j]!));
  });
}
