/**
 * ARC-Challenge (allenai/ai2_arc, CC BY-SA), 1,119 train / 1,172 test rows: {"question", "choices": {"text": […], "label": […]},
 * "answerKey"}. The model is trained to produce the option's text, not its letter.
 */
import { choicesAt, FieldProblem, hasColumns, type JsonRecord, textAt } from '../fields.ts';
import type { DatasetFormat } from '../format.ts';
import { directChoiceTemplate, stepByStepChoiceTemplate } from '../template.ts';

function goldOption(record: JsonRecord): string {
  const options = choicesAt(record, ['choices', 'text']);
  const labels = choicesAt(record, ['choices', 'label']);
  const key = textAt(record, ['answerKey']);
  const option = options[labels.indexOf(key)];
  if (option === undefined) {
    throw new FieldProblem('bad-answer', ['answerKey'], `"answerKey" must be one of the labels ${labels.join(', ')}.`);
  }
  return option;
}

export const arcChallenge: DatasetFormat = {
  id: 'arc-challenge',
  title: 'ARC-Challenge',
  answerKind: 'choice',
  matches: (record) => hasColumns(record, 'question', 'choices', 'answerKey'),
  fields: {
    question: (record) => textAt(record, ['question']),
    answer: goldOption,
    choices: (record) => choicesAt(record, ['choices', 'text']),
  },
  template: stepByStepChoiceTemplate,
  directTemplate: directChoiceTemplate,
};
