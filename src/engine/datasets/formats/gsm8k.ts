/**
 * GSM8K (openai/gsm8k "main", MIT), 7,473 train / 1,319 test rows: {"question", "answer"} where the answer is a worked solution
 * that ends with a line "#### 72".
 */
import { FieldProblem, hasColumns, type JsonRecord, textAt } from '../fields.ts';
import type { DatasetFormat } from '../format.ts';
import { directTemplate, stepByStepTemplate } from '../template.ts';

const MARKER = '####';

function splitSolution(record: JsonRecord): { rationale: string; answer: string } {
  const solution = textAt(record, ['answer']);
  const marker = solution.lastIndexOf(MARKER);
  const answer = marker === -1 ? '' : solution.slice(marker + MARKER.length).trim();
  if (answer === '')
    throw new FieldProblem('bad-answer', ['answer'], `"answer" must end with "#### " and the final answer.`);
  return { rationale: solution.slice(0, marker).trim(), answer };
}

export const gsm8k: DatasetFormat = {
  id: 'gsm8k',
  title: 'GSM8K',
  answerKind: 'number',
  matches: (record) =>
    hasColumns(record, 'question', 'answer') && typeof record.answer === 'string' && record.answer.includes(MARKER),
  fields: {
    question: (record) => textAt(record, ['question']),
    answer: (record) => splitSolution(record).answer,
    goldRationale: (record) => splitSolution(record).rationale || undefined,
  },
  template: stepByStepTemplate,
  directTemplate,
};
