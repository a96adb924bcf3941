/** Whole outputs, rationale and answer, as evaluations sample and describe them. */
import type { EvaluatedOutput } from '../../protocol/evaluated_output.ts';
import type { DatasetRow } from '../datasets/row.ts';
import { DECODE_ROWS, type GeneratedRequest, type GenerateSettings, generate, type Sample } from '../model/generate.ts';
import type { Policy } from './policy.ts';
import type { EncodedQuestion } from './question_encoder.ts';
import type { QuestionTask } from './question_task.ts';
import { rationaleKey } from './rollout.ts';

export interface EvaluatorSettings {
  /** Samples per question for maj@k and pass@k; 0: greedy only. */
  readonly k: number;
  readonly temperature: number;
  /** Longest output, its answer included. */
  readonly maxTokens: number;
  readonly seed: number;
  /** With a policy that has strategies: whether outputs are opened by their tags. Default: yes. */
  readonly tagged?: boolean;
}

const NEVER_STOP = { push: () => null };
/** Keys of evaluation samples are not those of any training step. */
const EVALUATION_STEP = 0x7fffffff;

export interface OutputRequest {
  readonly question: EncodedQuestion;
  /** Numbers of the samples, which key their random numbers, and greedy outputs. */
  readonly samples: readonly (number | 'greedy')[];
}

export interface SamplingRequest extends Pick<EvaluatorSettings, 'temperature' | 'maxTokens' | 'seed'> {
  /** Whether log π(y | x) is wanted. */
  readonly bareAnswers: boolean;
}

/**
 * Outputs up to their end token, per request one for each of its samples; the answer is scored on the cache that sampling left, after the
 * rationale part of each.
 */
export async function sampleOutputs(
  policy: Pick<Policy, 'model' | 'config' | 'drawnBelow'>,
  task: Pick<QuestionTask, 'rationaleLength'>,
  requests: readonly OutputRequest[],
  { temperature, maxTokens, seed, bareAnswers }: SamplingRequest,
  signal: AbortSignal | undefined,
): Promise<GeneratedRequest[]> {
  const settings: GenerateSettings = {
    temperature,
    topP: 1,
    topK: 0,
    drawnBelow: policy.drawnBelow,
    maxTokens,
    maxAnswerTokens: 0,
    stopTokenIds: new Set(policy.config.eosTokenIds),
    maxRows: DECODE_ROWS,
    rationaleLength: (ids) => task.rationaleLength(ids),
    bareAnswers,
  };
  return generate(
    policy.model,
    requests.map(({ question: { promptIds, answerIds, row }, samples }) => ({
      prompt: promptIds,
      answer: answerIds,
      keys: samples.map((sample) =>
        sample === 'greedy' ? sample : rationaleKey(seed, EVALUATION_STEP, row.rowKey, sample),
      ),
    })),
    settings,
    () => NEVER_STOP,
    { signal },
  );
}

/** log π(y | x ⊕ z) with the output's rationale z, in nats. */
export const answerLogProb = ({ answerLogProbs }: Sample): number => sum(answerLogProbs);

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export function describeOutput(sample: Sample, row: DatasetRow, task: QuestionTask): EvaluatedOutput {
  const text = task.tokenizer.decode(sample.ids, { skipSpecialTokens: true });
  const verdict = task.judge(text, row);
  return {
    text,
    extractedAnswer: verdict.extracted,
    correct: verdict.correct,
    ...(verdict.similarity === undefined ? {} : { similarity: verdict.similarity }),
    answerLogProb: answerLogProb(sample),
    tokens: sample.ids.length,
    finished: sample.stopReason === 'end-token',
  };
}

/** The rationale part of an output. */
export const rationaleOf = ({ ids }: Pick<Sample, 'ids'>, task: QuestionTask): readonly number[] =>
  ids.slice(0, task.rationaleLength(ids));
