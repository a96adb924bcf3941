/** Which evaluations can be compared, in what order they are offered, and what is said of how they were made. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import * as v from 'valibot';
import { pairRows } from '../../src/extension/panels/accuracy_pairs.ts';
import {
  type Comparable,
  EvaluationReference,
  type Making,
  partnersOf,
  settingDifferences,
} from '../../src/extension/runs/evaluation_pairs.ts';
import type { EvaluationRow, EvaluationSettings } from '../../src/protocol/records.ts';

const counted = (keys: readonly string[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
};
const evaluation = (runId: string | null, step: number, set = 'test', keys = 'abc'): Comparable => ({
  reference: { runId, evaluation: `${step === 0 ? 'base' : `step-${step}`}-${set}` },
  step,
  set,
  questions: counted([...keys]),
});
const offered = (first: Comparable, all: readonly Comparable[]): string[] =>
  partnersOf(first, all).map(({ evaluation: { reference } }) => `${reference.runId} ${reference.evaluation}`);

describe('pairs of evaluations', () => {
  const all = [
    evaluation('b', 0),
    evaluation('b', 5),
    evaluation('b', 9),
    evaluation('a', 0),
    evaluation('a', 9),
    evaluation('a', 9, 'validation', 'xyz'),
    evaluation(null, 0, 'outside', 'ab'),
  ];

  it('offer the other end of the same run first, then what other runs came to', () => {
    const [, , bLast, aBase] = all as [Comparable, Comparable, Comparable, Comparable];
    assert.deepEqual(offered(aBase, all), [
      'a step-9-test',
      'b step-9-test',
      'b base-test',
      'b step-5-test',
      'null base-outside',
    ]);
    assert.deepEqual(offered(bLast, all).slice(0, 2), ['b base-test', 'a step-9-test']);
  });

  it('share questions, and never are one evaluation twice', () => {
    const [first] = all as [Comparable];
    const names = offered(first, all);
    assert.equal(names.includes('b base-test'), false);
    assert.equal(names.includes('a step-9-validation'), false);
    assert.deepEqual(offered(all[5]!, all), []);
  });

  it('count questions as the diff pairs them', () => {
    const keys = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(keys, keys, (one, other) => {
        const rows = (each: readonly string[]) => each.map((rowKey) => ({ rowKey }) as EvaluationRow);
        const { pairs, onlyBefore, onlyAfter } = pairRows(rows(one), rows(other));
        const [first, second] = [evaluation('a', 0, 'test', one.join('')), evaluation('b', 0, 'test', other.join(''))];
        const [partner] = partnersOf(first, [second]);
        if (pairs.length === 0) return assert.equal(partner, undefined);
        assert.deepEqual(
          [partner?.shared, partner?.onlyFirst, partner?.onlyPartner],
          [pairs.length, onlyBefore, onlyAfter],
        );
      }),
    );
  });

  const settings: EvaluationSettings = {
    model: 'm',
    adapter: null,
    temperature: 1,
    maxTokens: 64,
    seed: 1,
    preset: 'latro-corrected',
    format: 'starter',
    templates: { style: 'plain', trigger: 'Think.', answer: '{answer}', separator: ' ' },
    extractor: 'corrected',
  };
  const making = (change: Partial<EvaluationSettings> = {}, k = 4): Making => ({
    k,
    settings: { ...settings, ...change },
  });
  const differing = (before: Making, after: Making): string[] =>
    settingDifferences(before, after).map(({ what }) => what);

  it('name each setting that differs, and no other', () => {
    assert.deepEqual(differing(making(), making({ model: 'other', adapter: 'x', seed: 2 })), []);
    const cases: [string, Partial<EvaluationSettings>][] = [
      ['temperature', { temperature: 0.5 }],
      ['max-tokens', { maxTokens: 32 }],
      ['prompt', { templates: { ...settings.templates, trigger: 'Go.' } }],
      ['prompt', { templates: { ...settings.templates, prompt: '{question}?' } }],
      ['prompt', { format: 'gsm8k' }],
      ['prompt', { preset: 'latro-paper' }],
      ['extractor', { extractor: 'reference' }],
    ];
    for (const [what, change] of cases) {
      assert.deepEqual(differing(making(), making(change)), [what]);
      assert.deepEqual(differing(making(change), making()), [what]);
    }
    assert.deepEqual(settingDifferences(making({}, 2), making({}, 8)), [{ what: 'k', before: 2, after: 8 }]);
  });

  it('say nothing of what does not matter or is not known', () => {
    assert.deepEqual(
      differing(making({}, 0), making({ temperature: 0.5 }, 0)),
      [],
      'greedy answers have no temperature',
    );
    assert.deepEqual(differing(making(), making({ format: 'auto' })), [], 'auto may be the same format');
    assert.deepEqual(differing({ k: 4, settings: null }, making({ temperature: 0.5 })), []);
  });

  it('are of names of files, and of no path out of their folder', () => {
    const named = (runId: string | null, name: string) => v.safeParse(EvaluationReference, { runId, evaluation: name });
    assert.ok(named(null, 'base-test').success && named('20261121-1_a..b', 'step-000010-test-2026a').success);
    for (const name of ['', '.', '..', '../../x', 'a/b', 'a\\b', 'a\0']) {
      assert.equal(named(null, name).success || named(name, 'base-test').success, false, name);
    }
  });
});
