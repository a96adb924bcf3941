import assert from 'node:assert/strict';
import fc from 'fast-check';
import { chrF, distinctAnswers, distinctN, pairwiseJaccard, rougeL } from '../../src/engine/evaluate/text_metrics.ts';

function assertClose(actual: number | null, expected: number): void {
  assert.ok(actual !== null && Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);
}

describe('evaluate: chrF', () => {
  // sacreBLEU 2.6.0, sentence_chrf with its defaults.
  const reference: [hypothesis: string, reference: string, score: number][] = [
    [
      'Co nás nejvíc trápí, protože lékaři si vybírají, kdo bude žít a kdo zemře.',
      'Nejvíce smutní jsme z toho, že musíme rozhodovat o tom, kdo bude žít a kdo zemře.',
      39.14081690316369,
    ],
    [
      ' risk assessment must be made of those who are qualified and expertise in the sector - these are the scientists .',
      'risk assessment has to be undertaken by those who are qualified and expert in that area - that is the scientists .',
      63.43165368117263,
    ],
    [
      ' Die    Beziehung zwischen  Obama und Netanjahu ist nicht gerade  freundlich. ',
      'Das Verhältnis zwischen Obama und Netanyahu ist nicht gerade freundschaftlich.',
      64.818123726097,
    ],
    ['a b c', 'abc', 100],
    ['aa', 'ab', 25],
    ['', 'reference', 0],
    ['reference', '', 0],
    ['abcdefg', 'hijklmnop', 0],
    ['a', 'a', 100],
    ['猫がマットの上に座った。', '猫はマットの上に座っている。', 50.76219623647542],
    ['the cat 😀 sat', 'the cat 😃 sat', 54.41137566137567],
    ['aaaaaaaaaaaa', 'aaaa', 59.79978925184405],
    ['the the the the', 'the cat sat on the mat', 15.15956671519429],
  ];
  for (const [hypothesis, gold, score] of reference) {
    it(`${hypothesis.slice(0, 30)} | ${gold.slice(0, 30)}: ${score.toFixed(2)}`, () =>
      assertClose(chrF(hypothesis, gold), score));
  }

  it('is 100 for equal texts, between 0 and 100 for all, and blind to white space', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        const score = chrF(a, b);
        assert.ok(score >= 0 && score <= 100 + 1e-9);
        if (a.trim() !== '') assertClose(chrF(a, a), 100);
        assertClose(chrF(` ${a}\n`, b), score);
      }),
    );
  });
});

describe('evaluate: ROUGE-L', () => {
  // google-research/rouge, rouge_scorer_test.py; Lin 2004, section 3.1.
  const reference: [hypothesis: string, reference: string, f1: number][] = [
    ['testing one', 'testing one two', 4 / 5],
    ['testing two', 'testing one two', 4 / 5],
    ['', 'testing one two', 0],
    ['/', 'w1 w2 w3', 0],
    ['police kill the gunman', 'police killed the gunman', 0.75],
    ['the gunman kill police', 'police killed the gunman', 0.5],
    ['The CAT, sat!', 'the cat sat', 1],
    ['猫が座る', '猫は座る', 0.75],
    ['größe über alles', 'Größe zählt', 2 / 5],
  ];
  for (const [hypothesis, gold, f1] of reference)
    it(`${hypothesis} | ${gold}`, () => assertClose(rougeL(hypothesis, gold), f1));

  it('agrees with a brute-force search for the longest common subsequence', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 7 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        let longest = 0;
        for (let mask = 0; mask < 1 << a.length; mask++) {
          const chosen = a.filter((_, i) => mask & (1 << i));
          let next = 0;
          for (const word of b) if (word === chosen[next]) next++;
          if (next === chosen.length) longest = Math.max(longest, next);
        }
        assertClose(rougeL(a.join(' '), b.join(' ')), longest === 0 ? 0 : (2 * longest) / (a.length + b.length));
      }),
    );
  });
});

describe('evaluate: diversity', () => {
  it('distinct-n counts different n-grams over all texts', () => {
    assertClose(distinctN(['a b a', 'a b'], 1), 2 / 5);
    assertClose(distinctN(['a b a', 'a b'], 2), 2 / 3);
    assert.equal(distinctN(['a'], 2), 0);
    assert.equal(distinctN([], 1), 0);
  });

  it('pairwise Jaccard is 1 for equal texts, 0 for unlike ones, and the mean of the pairs', () => {
    assert.equal(pairwiseJaccard(['add two', 'two, add']), 1);
    assert.equal(pairwiseJaccard(['a b', 'c d']), 0);
    assertClose(pairwiseJaccard(['a b', 'b c', 'a b']), (1 / 3 + 1 + 1 / 3) / 3);
    assert.equal(pairwiseJaccard(['', '']), 1);
    assert.equal(pairwiseJaccard(['a']), null);
  });

  it('distinct answers leave out silence', () => assert.equal(distinctAnswers(['1', null, '2', '1', null]), 2));
});
