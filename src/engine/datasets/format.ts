/** What a dataset format is: pure data and one small function per field. To add one, copy a file of formats/. */
import type { DatasetFormat as FormatId } from '../../protocol/run_config_fields.ts';
import type { JsonRecord } from './fields.ts';
import type { AnswerKind, SourcedRationale } from './row.ts';
import type { Template } from './template.ts';

export interface DatasetFormat {
  /** As in `--format gsm8k` and in `latro.json`. */
  readonly id: Exclude<FormatId, 'auto'>;
  readonly title: string;
  /** 'infer': decided by the rows, see `inferAnswerKind`. */
  readonly answerKind: AnswerKind | 'infer';
  /** Does this record look like one of this format's? Asked in the registry's order when the format is 'auto'. */
  matches(record: JsonRecord): boolean;
  /** Each reads one field or throws a `FieldProblem`; a row with several problems reports them all. */
  readonly fields: {
    question(record: JsonRecord): string;
    answer(record: JsonRecord): string;
    choices?(record: JsonRecord): readonly string[] | undefined;
    goldRationale?(record: JsonRecord): string | undefined;
    /** At least one; a row may have both. */
    goldRationales?(record: JsonRecord): readonly SourcedRationale[] | undefined;
    context?(record: JsonRecord): string | undefined;
  };
  /** How a question becomes a prompt that asks for a rationale, and an answer becomes y. */
  readonly template: Template;
  /** The same without a rationale: for the SFT baseline that answers at once. */
  readonly directTemplate: Template;
}
