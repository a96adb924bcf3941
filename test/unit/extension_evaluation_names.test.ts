import assert from 'node:assert/strict';
import { isEvaluationName } from '../../src/extension/dataset/evaluation_names.ts';

describe('files for evaluation', () => {
  it('are known by a word of their names', () => {
    const names = [
      'test.jsonl',
      'gsm8k-test.jsonl',
      'svamp_test_200.ndjson',
      'mathTest.jsonl',
      'TEST.jsonl',
      'test2.jsonl',
    ];
    for (const name of [...names, 'valid.jsonl', 'validation.jsonl', 'val.jsonl', 'arc.dev.jsonl', 'eval-set.jsonl'])
      assert.ok(isEvaluationName(name), name);
  });

  it('are none where the word stands within another', () => {
    for (const name of [
      'latest.jsonl',
      'device-log.jsonl',
      'contest.jsonl',
      'developers.jsonl',
      'invalid.jsonl',
      'values.jsonl',
    ])
      assert.ok(!isEvaluationName(name), name);
    for (const name of ['train.jsonl', 'attestation.jsonl']) assert.ok(!isEvaluationName(name), name);
  });
});
