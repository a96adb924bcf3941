import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RandomStream } from '../../src/engine/common/random.ts';
import {
  entropyOf,
  frequenciesOf,
  type Matching,
  matchingCounts,
  tagInformation,
} from '../../src/engine/forking/diversity.ts';
import { distinctN, jaccard, meanPairwiseJaccard, wordNgrams } from '../../src/engine/forking/ngrams.ts';
import { selectTraces, type TraceCandidate } from '../../src/engine/forking/selection.ts';

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual} ${expected}`);

const matchingFrequencies = (matchings: readonly Matching[], tags: number, sources: number) =>
  frequenciesOf(matchingCounts(matchings, tags, sources));

describe('tag information', () => {
  it('is 0 when tags are ignored and log N when each rationale betrays its tag', () => {
    assert.equal(tagInformation([{ tag: 1, logProbs: [-30, -30, -30] }]), 0);
    near(
      tagInformation([
        { tag: 0, logProbs: [-10, -900, -900] },
        { tag: 2, logProbs: [-900, -900, -20] },
      ]),
      Math.log(3),
    );
  });

  it('is the exact mutual information when averaged over the true distribution', () => {
    // π(z|g) over three rationales, two tags.
    const table = [
      [0.7, 0.2, 0.1],
      [0.1, 0.3, 0.6],
    ];
    let estimate = 0;
    let truth = 0;
    table.forEach((row, tag) => {
      row.forEach((p, z) => {
        const information = tagInformation([{ tag, logProbs: table.map((other) => Math.log(other[z] as number)) }]);
        const marginal = ((table[0]?.[z] as number) + (table[1]?.[z] as number)) / 2;
        estimate += (p / 2) * information;
        truth += (p / 2) * Math.log(p / marginal);
      });
    });
    near(estimate, truth);
    assert.ok(truth > 0.1 && truth < Math.log(2));
  });

  it('never exceeds log N', () => {
    const scores = fc.record({
      tag: fc.nat(3),
      logProbs: fc.array(fc.double({ min: -99, max: 0, noNaN: true }), { minLength: 4, maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(scores, { minLength: 1 }), (rationales) => {
        assert.ok(tagInformation(rationales) <= Math.log(4) + 1e-9);
      }),
    );
  });
});

describe('matching frequencies', () => {
  it('are 0 nats when each source has its tag, log N when tags are taken at random', () => {
    const fixed = [0, 1, 2].flatMap((source) => [
      { tag: (source + 1) % 3, source },
      { tag: (source + 1) % 3, source },
    ]);
    const specialised = matchingFrequencies(fixed, 3, 3);
    assert.deepEqual(specialised, {
      shares: [
        [0, 0, 1],
        [1, 0, 0],
        [0, 1, 0],
      ],
      entropy: 0,
    });
    const all = [0, 1, 2, 3].flatMap((tag) => [0, 1].map((source) => ({ tag, source })));
    near(matchingFrequencies(all, 4, 2).entropy, Math.log(4));
  });

  it('leave sources that were never seen out, and refuse tags that do not exist', () => {
    assert.deepEqual(matchingFrequencies([{ tag: 0, source: 0 }], 2, 2), {
      shares: [
        [1, 0],
        [0, 0],
      ],
      entropy: 0,
    });
    assert.throws(() => matchingFrequencies([{ tag: 2, source: 0 }], 2, 1), /no tag 2/);
    near(entropyOf([0.5, 0.5, 0]), Math.log(2));
  });
});

describe('n-grams', () => {
  it('count words and signs, ignore case and white space', () => {
    assert.deepEqual([...wordNgrams('3 + 4  = 7.', 2)], ['3 +', '+ 4', '4 =', '= 7', '7 .']);
    assert.deepEqual([...wordNgrams('Yes', 2)], ['yes']);
    assert.equal(wordNgrams('', 2).size, 0);
    near(jaccard(wordNgrams('a b c', 1), wordNgrams('B C D', 1)), 0.5);
    assert.equal(jaccard(new Set(), new Set()), 1);
    near(distinctN(['a b', 'a c'], 1), 0.75);
    assert.equal(distinctN([], 1), 0);
    assert.equal(meanPairwiseJaccard(['a b'], 1), null);
    near(meanPairwiseJaccard(['a b', 'a b', 'c d'], 1) as number, 1 / 3);
  });
});

describe('trace selection', () => {
  const trace = (text: string, reward: number, partial: Partial<TraceCandidate> = {}): TraceCandidate => ({
    text,
    reward,
    informationGain: 1,
    correct: true,
    finished: true,
    leaksAnswer: false,
    ...partial,
  });

  it('takes the best first, then what is good and different', () => {
    const candidates = [
      trace('first add 3 and 4 then double', -1),
      trace('first add 3 and 4 then double it', -1.1),
      trace('work backwards from the total', -1.5),
      trace('regroup the tens and the ones', -6),
    ];
    assert.deepEqual(selectTraces(candidates, { traces: 2, rewardWeight: 0.5 }), [0, 2]);
    assert.deepEqual(selectTraces(candidates, { traces: 2, rewardWeight: 1 }), [0, 1]);
    assert.deepEqual(selectTraces(candidates, { traces: 3, rewardWeight: 0 }), [0, 2, 3]);
  });

  it('drops what is wrong, unfinished, leaking, useless, or the same again', () => {
    const candidates = [
      trace('a b c', -0.1, { correct: false }),
      trace('d e f', -0.2, { finished: false }),
      trace('The answer is 7', -0.3, { leaksAnswer: true }),
      trace('g h i', -0.4, { informationGain: 0 }),
      trace('j k l', -2, { correct: null }),
      trace('J  k l', -1.9),
      trace('m n o', -3),
    ];
    assert.deepEqual(selectTraces(candidates, { traces: 7, rewardWeight: 0.5 }), [5, 6]);
    assert.deepEqual(selectTraces(candidates.slice(0, 4), { traces: 2, rewardWeight: 0.5 }), []);
  });

  it('chooses the same texts in whatever order the candidates come', () => {
    // Every text has a word of its own, and rewards come from a stream and not from fast-check, which loves ties: those go to the earlier.
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 7 }), fc.integer(), (lengths, seed) => {
        const random = new RandomStream(seed);
        const candidates = lengths.map((words) => {
          const shared = Array.from({ length: words }, (_, i) => `word${i}`);
          return trace([...shared, `own${words}`].join(' '), -20 * random.next());
        });
        const settings = { traces: 3, rewardWeight: 0.5 };
        const chosen = selectTraces(candidates, settings).map((i) => candidates[i]);
        const shuffled = random.shuffled(candidates);
        assert.deepEqual(
          selectTraces(shuffled, settings).map((i) => shuffled[i]),
          chosen,
        );
        assert.equal(chosen.length, Math.min(3, candidates.length));
      }),
    );
  });
});
