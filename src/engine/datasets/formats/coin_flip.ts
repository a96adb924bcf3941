/** Coin flip (Wei et al. 2022; file of Kojima et al. 2022), 500 rows under {"examples": […]}; the answer is "yes" or "no". */
import { hasColumns, textAt } from '../fields.ts';
import type { DatasetFormat } from '../format.ts';
import { directTemplate, stepByStepTemplate } from '../template.ts';

export const coinFlip: DatasetFormat = {
  id: 'coin-flip',
  title: 'Coin flip',
  answerKind: 'exact',
  matches: (record) =>
    hasColumns(record, 'question', 'answer') && /^a coin is heads up\b/i.test(String(record.question)),
  fields: {
    question: (record) => textAt(record, ['question']),
    answer: (record) => textAt(record, ['answer']),
  },
  template: stepByStepTemplate,
  directTemplate,
};
