/**
 * The embedded starter, and the plainest format of all: {"question", "answer"}, with "rationales" (a list, or one per source) where
 * there are several ways to the answer; further columns are ignored.
 */
import { answerTextAt, hasColumns, rationalesAt, textAt } from '../fields.ts';
import type { DatasetFormat } from '../format.ts';
import { directTemplate, stepByStepTemplate } from '../template.ts';

export const starter: DatasetFormat = {
  id: 'starter',
  title: 'Question and answer',
  answerKind: 'infer',
  matches: (record) =>
    hasColumns(record, 'question', 'answer') && !hasColumns(record, 'choices') && !hasColumns(record, 'options'),
  fields: {
    question: (record) => textAt(record, ['question']),
    answer: (record) => answerTextAt(record, ['answer']),
    goldRationales: (record) => (hasColumns(record, 'rationales') ? rationalesAt(record, ['rationales']) : undefined),
  },
  template: stepByStepTemplate,
  directTemplate,
};
