import assert from 'node:assert/strict';
import { columnsFormat } from '../../src/engine/datasets/formats/columns.ts';
import { jsonRowSources } from '../../src/engine/datasets/json_row_sources.ts';
import { FORMATS, formatById } from '../../src/engine/datasets/registry.ts';
import { checkRow, LONGEST_ROW } from '../../src/engine/datasets/row_check.ts';
import { PROBLEM_TEMPLATES, recognise } from '../../src/extension/inline/problem_templates.ts';

/** Rows with every kind of mistake, under every format. */
const ROWS = [
  '{"question": "a?"}',
  '{"question": "a?", "anser": "1"}',
  '{"question": "", "answer": "1"}',
  '{"question": 1, "answer": []}',
  '{"question": {}, "answer": null}',
  '{"question": true, "answer": "1"}',
  '{"question": "a\u200b?", "answer": "1"}',
  '{"question": "a?", "answer": "no mark"}',
  '{"question": "a?", "answer": "1", "choices": {"text": ["x"], "label": ["A"]}, "answerKey": "B"}',
  '{"question": "a?", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "C"}',
  '{"question": "a?", "answer": "z", "choices": ["x", "y"]}',
  '{"question": "a?", "answer": "z", "choices": "x"}',
  '{"sQuestion": "a?", "lSolutions": ["1"]}',
  '{"sQuestion": "a?", "lSolutions": [1e999]}',
  '{"Body": "b", "Question": "a?", "Answer": "x"}',
  '[1]',
  '"text"',
  '{"question": "a?", "answer": "1"} more',
  '{"question": "a?", "answer": "1"},',
  '{"question": "a?", "answer": }',
  '{"question": "a?", "answer":',
  '{"question" "a?"}',
  '{"question": "a?" "answer": "1"}',
  '{"question": "a?",}',
  '{"question": "a?',
  String.raw`{"question": "a\q?"}`,
  '{"question": "a\t?"}',
  "{'question': 'a?'}",
  '{question: "a?"}',
  '{"question": True}',
  '{"question": word}',
  '{"question": "a?", "answer": "1"',
  '{"question": ["a?"',
  `${'['.repeat(80)}`,
  `{"question": "${'x'.repeat(LONGEST_ROW)}"}`,
];
const DOCUMENTS = ['1', '{"a": 1}', '[{"a": 1},,{"a": 2}]', '[{"a": 1},]', '[{"a": 1} {"a": 2}]', '[{"a": 1}'];

describe('sentences of the row check', () => {
  const choices = columnsFormat({ question: 'question', answer: 'answer', choices: 'choices' });
  const said = new Set<string>();
  for (const format of [...FORMATS, choices, formatById('starter')]) {
    for (const row of ROWS) {
      for (const { message, fix } of checkRow(row, 1, format).problems) {
        said.add(message);
        if (fix) said.add(fix.title);
      }
    }
  }
  for (const text of DOCUMENTS) said.add(jsonRowSources(text).broken?.message ?? '');

  it('are all recognised, with what they name', () => {
    const unknown = [...said].filter((text) => recognise(text) === undefined);
    assert.deepEqual(unknown, []);
    assert.deepEqual(recognise('"answer" must be a text or a number, not a list.'), {
      template: '{0} must be a text or a number, not {1}.',
      values: ['"answer"', 'a list'],
    });
  });

  it('leave no template without a sentence', () => {
    const used = new Set<string>();
    for (const text of said) {
      const { template, values } = recognise(text)!;
      used.add(template);
      for (const value of values) used.add(recognise(value)?.template ?? '');
    }
    assert.deepEqual(
      PROBLEM_TEMPLATES.filter((template) => !used.has(template)),
      [],
    );
  });
});
