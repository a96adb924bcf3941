/** Any JSONL, JSON or Parquet file with named columns, as `latro.json` maps them or as common names suggest. */

import {
  answerTextAt,
  choicesAt,
  type FieldPath,
  FieldProblem,
  hasColumns,
  isRecord,
  type JsonRecord,
  name,
  rationalesAt,
  textAt,
  valueAt,
} from '../fields.ts';
import type { DatasetFormat } from '../format.ts';
import type { AnswerKind, ColumnMapping } from '../row.ts';
import { directChoiceTemplate, directTemplate, stepByStepChoiceTemplate, stepByStepTemplate } from '../template.ts';

/** A column of that very name, or else a path into nested columns. */
function pathOf(record: JsonRecord, column: string): FieldPath {
  return hasColumns(record, column)
    ? [column]
    : column.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

function optional(record: JsonRecord, column: string | undefined): string | undefined {
  if (column === undefined) return undefined;
  const path = pathOf(record, column);
  const value = valueAt(record, path);
  return value === undefined || value === null || value === '' ? undefined : textAt(record, path);
}

/** Whether a column holds several rationales. */
function holdsSeveral(record: JsonRecord, column: string | undefined): column is string {
  if (column === undefined) return false;
  const value = valueAt(record, pathOf(record, column));
  return Array.isArray(value) || isRecord(value);
}

/** A list of options, or ARC's {"text": […], "label": […]}. */
function readChoices(record: JsonRecord, column: string): { options: string[]; labels: string[] | null } {
  const path = pathOf(record, column);
  if (!isRecord(valueAt(record, path))) return { options: choicesAt(record, path), labels: null };
  return { options: choicesAt(record, [...path, 'text']), labels: choicesAt(record, [...path, 'label']) };
}

/** The gold option, named by its text, by its label (A, B, …) or by its 0-based index, as datasets do. */
function goldOption(record: JsonRecord, answerColumn: string, choicesColumn: string): string {
  const { options, labels } = readChoices(record, choicesColumn);
  const path = pathOf(record, answerColumn);
  const answer = answerTextAt(record, path);
  if (options.includes(answer)) return answer;
  const index = labels
    ? labels.indexOf(answer)
    : /^[A-Z]$/.test(answer)
      ? answer.charCodeAt(0) - 65
      : /^\d+$/.test(answer)
        ? Number(answer)
        : -1;
  const option = options[index];
  if (option === undefined)
    throw new FieldProblem(
      'bad-answer',
      path,
      `${name(path)} is neither one of the options nor the label or index of one.`,
    );
  return option;
}

export function columnsFormat(mapping: ColumnMapping, answerKind?: AnswerKind): DatasetFormat {
  const { question, answer, choices } = mapping;
  return {
    id: 'columns',
    title: 'Mapped columns',
    answerKind: answerKind ?? (choices === undefined ? 'infer' : 'choice'),
    matches: (record) =>
      valueAt(record, pathOf(record, question)) !== undefined && valueAt(record, pathOf(record, answer)) !== undefined,
    fields: {
      question: (record) => textAt(record, pathOf(record, question)),
      answer: (record) =>
        choices === undefined ? answerTextAt(record, pathOf(record, answer)) : goldOption(record, answer, choices),
      choices: (record) => (choices === undefined ? undefined : readChoices(record, choices).options),
      goldRationale: (record) =>
        holdsSeveral(record, mapping.rationale) ? undefined : optional(record, mapping.rationale),
      goldRationales: (record) =>
        holdsSeveral(record, mapping.rationale) ? rationalesAt(record, pathOf(record, mapping.rationale)) : undefined,
      context: (record) => optional(record, mapping.context),
    },
    template: choices === undefined ? stepByStepTemplate : stepByStepChoiceTemplate,
    directTemplate: choices === undefined ? directTemplate : directChoiceTemplate,
  };
}

/** Names that columns go by, most telling first. */
const COMMON_NAMES = {
  question: ['question', 'problem', 'query', 'queries', 'prompt', 'instruction', 'input', 'text'],
  answer: [
    'answer',
    'final_answer',
    'groundtruth',
    'ground_truth',
    'target',
    'solution',
    'label',
    'output',
    'response',
  ],
  choices: ['choices', 'options'],
  rationale: ['rationale', 'explanation', 'reasoning'],
  context: ['context', 'passage'],
} as const;

/** A mapping for columns with common names in any case; null when no question or no answer is among them. */
export function guessMapping(record: JsonRecord): ColumnMapping | null {
  const columns = new Map(Object.keys(record).map((column) => [column.toLowerCase(), column]));
  const find = (role: keyof typeof COMMON_NAMES): string | undefined =>
    COMMON_NAMES[role].map((common) => columns.get(common)).find((column) => column !== undefined);
  const [question, answer, choices, rationale, context] = [
    find('question'),
    find('answer'),
    find('choices'),
    find('rationale'),
    find('context'),
  ];
  if (question === undefined || answer === undefined) return null;
  return {
    question,
    answer,
    ...(choices && { choices }),
    ...(rationale && { rationale }),
    ...(context && { context }),
  };
}
