/** The embedded starter, and the plainest format of all: {"question", "answer"}; further columns are ignored. */
import { answerTextAt, hasColumns, textAt } from '../fields.ts';
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
  },
  template: stepByStepTemplate,
  directTemplate,
};
