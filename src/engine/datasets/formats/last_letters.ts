/** Last-letter concatenation (Wei et al. 2022; file of Kojima et al. 2022), 500 rows under {"examples": […]}. */
import { hasColumns, textAt } from '../fields.ts';
import type { DatasetFormat } from '../format.ts';
import { directTemplate, stepByStepTemplate } from '../template.ts';

export const lastLetters: DatasetFormat = {
  id: 'last-letters',
  title: 'Last letters',
  answerKind: 'exact',
  matches: (record) =>
    hasColumns(record, 'question', 'answer') && /^take the last letters? of/i.test(String(record.question)),
  fields: {
    question: (record) => textAt(record, ['question']),
    answer: (record) => textAt(record, ['answer']),
  },
  template: stepByStepTemplate,
  directTemplate,
};
