/** SVAMP (Patel et al. 2021, MIT), 1,000 rows: {"Body", "Question", "Equation", "Answer"}. */
import { equationRationale } from '../equation_steps.ts';
import { hasColumns, type JsonRecord, numberTextAt, textAt } from '../fields.ts';
import type { DatasetFormat } from '../format.ts';
import { directTemplate, stepByStepTemplate } from '../template.ts';

/** A body without a full stop is a clause that runs on into its question ("If there is a discount of 25 dollars on each pack"). */
function question(record: JsonRecord): string {
  const body = textAt(record, ['Body']);
  return `${body}${/[.?!]$/.test(body) ? '' : ','} ${textAt(record, ['Question'])}`;
}

export const svamp: DatasetFormat = {
  id: 'svamp',
  title: 'SVAMP',
  answerKind: 'number',
  matches: (record) => hasColumns(record, 'Body', 'Question', 'Answer'),
  fields: {
    question,
    answer: (record) => numberTextAt(record, ['Answer']),
    goldRationale: (record) =>
      hasColumns(record, 'Equation')
        ? equationRationale(textAt(record, ['Equation']), numberTextAt(record, ['Answer']))
        : undefined,
  },
  template: stepByStepTemplate,
  directTemplate,
};
