/** Which evaluations can be compared, which one mostly wants, and what was different when they were made. Pure. */
import * as v from 'valibot';
import { type EvaluationSettings, PlainName } from '../../protocol/records.ts';

/** An evaluation of a run, or (null) one of weights that belong to none. */
export const EvaluationReference = v.object({ runId: v.nullable(PlainName), evaluation: PlainName });
export type EvaluationReference = v.InferOutput<typeof EvaluationReference>;
export const EvaluationPair = v.object({ before: EvaluationReference, after: EvaluationReference });
export type EvaluationPair = v.InferOutput<typeof EvaluationPair>;

export const isSame = (a: EvaluationReference, b: EvaluationReference): boolean =>
  a.runId === b.runId && a.evaluation === b.evaluation;

/** What an evaluation's name says of its questions: "test", "validation", or the file's own name. */
export const setOf = (name: string): string => name.replace(/^(base|step-\d+)-/, '');

/** How often each question is in an evaluation, by its content key. */
export type QuestionCounts = ReadonlyMap<string, number>;

/** What of an evaluation decides whether it is a partner for another one. */
export interface Comparable {
  readonly reference: EvaluationReference;
  /** Updates behind the weights. */
  readonly step: number;
  /** Which questions, as its name says: "test". */
  readonly set: string;
  readonly questions: QuestionCounts;
}

export interface Partner<E extends Comparable> {
  readonly evaluation: E;
  /** Questions of both: n equal rows on one side meet the first n on the other. */
  readonly shared: number;
  readonly onlyFirst: number;
  readonly onlyPartner: number;
}

/** Those of `others` that share questions with `first`; the likeliest one first, equally likely ones in their order. */
export function partnersOf<E extends Comparable>(first: Comparable, others: readonly E[]): Partner<E>[] {
  return others
    .filter(({ reference }) => !isSame(reference, first.reference))
    .map((evaluation) => {
      const shared = sharedQuestions(first.questions, evaluation.questions);
      const onlyFirst = total(first.questions) - shared;
      return { evaluation, shared, onlyFirst, onlyPartner: total(evaluation.questions) - shared };
    })
    .filter(({ shared }) => shared > 0)
    .map((partner) => ({ partner, rank: rankOf(first, partner.evaluation, others) }))
    .sort((a, b) => b.partner.shared - a.partner.shared || a.rank - b.rank)
    .map(({ partner }) => partner);
}

/** The other end of the same run, then what other runs came to, then the rest. */
function rankOf(first: Comparable, other: Comparable, all: readonly Comparable[]): number {
  const { runId } = other.reference;
  if (runId === null) return 1;
  const last = lastStep([first, ...all], other);
  const isSameRun = runId === first.reference.runId && other.set === first.set;
  if (isSameRun) return other.step === (first.step === 0 ? last : 0) ? 0 : 2;
  return other.step === last ? 1 : 2;
}

function lastStep(all: readonly Comparable[], { reference, set }: Comparable): number {
  return Math.max(
    ...all.flatMap((each) => (each.reference.runId === reference.runId && each.set === set ? each.step : [])),
  );
}

function sharedQuestions(a: QuestionCounts, b: QuestionCounts): number {
  let shared = 0;
  for (const [key, count] of a) shared += Math.min(count, b.get(key) ?? 0);
  return shared;
}

const total = (counts: QuestionCounts): number => [...counts.values()].reduce((sum, count) => sum + count, 0);

/** How an evaluation was made; `settings` null: not known. */
export interface Making {
  readonly k: number;
  readonly settings: EvaluationSettings | null;
}

export type SettingDifference =
  | { readonly what: 'k' | 'temperature' | 'max-tokens'; readonly before: number; readonly after: number }
  | { readonly what: 'prompt' | 'extractor' };

/** What besides the weights may have moved the results; nothing is said of what is not known. */
export function settingDifferences(before: Making, after: Making): SettingDifference[] {
  const [old, now] = [before.settings, after.settings];
  const differences: SettingDifference[] = [];
  if (before.k !== after.k) differences.push({ what: 'k', before: before.k, after: after.k });
  if (old === null || now === null) return differences;
  // Greedy answers have no temperature.
  if (before.k > 0 && after.k > 0 && old.temperature !== now.temperature) {
    differences.push({ what: 'temperature', before: old.temperature, after: now.temperature });
  }
  if (old.maxTokens !== now.maxTokens) {
    differences.push({ what: 'max-tokens', before: old.maxTokens, after: now.maxTokens });
  }
  if (promptOf(old) !== promptOf(now) || formatsDiffer(old.format, now.format)) differences.push({ what: 'prompt' });
  if (old.extractor !== now.extractor) differences.push({ what: 'extractor' });
  return differences;
}

function promptOf({ preset, templates }: EvaluationSettings): string {
  const { style, trigger, answer, separator, prompt = null } = templates;
  // The paper's preset asks in words of its own.
  return JSON.stringify([preset === 'latro-paper', style, trigger, answer, separator, prompt]);
}

const formatsDiffer = (a: string, b: string): boolean => a !== b && a !== 'auto' && b !== 'auto';
