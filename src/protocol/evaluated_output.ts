/** One whole output of a model in an evaluation: rationale and answer. */
import * as v from 'valibot';

/** What a model said to a question, and what became of it. */
export const EvaluatedOutput = v.object({
  text: v.string(),
  extractedAnswer: v.nullable(v.string()),
  correct: v.boolean(),
  /** How near a free-text answer is to the gold one: chrF in [0, 100], ROUGE-L F1 in [0, 1]; absent for other kinds of answers. */
  similarity: v.optional(v.object({ chrF: v.number(), rougeL: v.number() })),
  /** log π(y | x ⊕ z) with this output's own rationale z, in nats: its self-reward; absent in evaluations of earlier versions. */
  answerLogProb: v.optional(v.number()),
  tokens: v.number(),
  finished: v.boolean(),
});
export type EvaluatedOutput = v.InferOutput<typeof EvaluatedOutput>;
