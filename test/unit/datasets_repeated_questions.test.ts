import assert from 'node:assert/strict';
import { repeatedQuestions } from '../../src/engine/datasets/repeated_questions.ts';
import type { DatasetRow } from '../../src/engine/datasets/row.ts';
import { rowKey } from '../../src/engine/datasets/row_key.ts';

const rows = (...contents: (readonly [question: string, answer: string, context?: string])[]): DatasetRow[] =>
  contents.map(([question, answer, context], i) => {
    const content = { question, answer, ...(context === undefined ? {} : { context }) };
    return { line: i + 1, rowKey: rowKey(content), ...content };
  });
const of = (train: DatasetRow[], test: DatasetRow[] = [], validation: DatasetRow[] = []): string[] =>
  repeatedQuestions({ train, validation, test });

describe('datasets: questions that occur more than once', () => {
  it('are no matter within the training rows as long as their answers agree', () => {
    assert.deepEqual(of(rows(['a', '1'], ['a', '1'], ['b', '1'])), []);
  });

  it('are named where the answers differ, and counted', () => {
    assert.deepEqual(of(rows(['b', '1'], ['a', '1'], ['A', '2'])), [
      'Lines 2 and 3 of the training questions ask the same and give different answers.',
    ]);
    assert.match(of(rows(['a', '1'], ['a', '2'], ['a', '3']))[0]!, /answers \(2 such rows in all\)\.$/);
  });

  it('are named where they are trained on and measured with, whatever spacing and letter case', () => {
    const train = rows(['What is 1 + 1?', '2'], ['What is 2 + 2?', '4']);
    const test = rows(['What is 3 + 3?', '6'], ['what  is\n2 + 2?', '4']);
    assert.deepEqual(of(train, test), [
      '1 of 2 test questions are also trained on (the first: line 2, trained on as line 2): what is right there may be learnt by heart.',
    ]);
    assert.match(of(train, [], train)[0]!, /^2 of 2 validation questions/);
    assert.deepEqual(of(train, rows(['What is 3 + 3?', '6'])), []);
  });

  it('are others under another passage', () => {
    assert.deepEqual(of(rows(['Who won?', 'Ada', 'One story.']), rows(['Who won?', 'Bob', 'Another one.'])), []);
  });
});
