/**
 * MultiArith (Roy & Roth 2015), 600 rows: {"sQuestion", "lSolutions": [39.0], "lEquations": ["X=((32.0+42.0)-35.0)"]}. It has no
 * split of its own: here the first 480 rows ("0:480") train and the last 120 ("480:600") test.
 */
import { equationRationale } from '../equation_steps.ts';
import { hasColumns, numberTextAt, textAt, valueAt } from '../fields.ts';
import type { DatasetFormat } from '../format.ts';
import { directTemplate, stepByStepTemplate } from '../template.ts';

export const multiarith: DatasetFormat = {
  id: 'multiarith',
  title: 'MultiArith',
  answerKind: 'number',
  matches: (record) => hasColumns(record, 'sQuestion', 'lSolutions'),
  fields: {
    question: (record) => textAt(record, ['sQuestion']),
    answer: (record) => numberTextAt(record, ['lSolutions', 0]),
    goldRationale: (record) => {
      const equation = valueAt(record, ['lEquations', 0]);
      return typeof equation === 'string'
        ? equationRationale(equation, numberTextAt(record, ['lSolutions', 0]))
        : undefined;
    },
  },
  template: stepByStepTemplate,
  directTemplate,
};
