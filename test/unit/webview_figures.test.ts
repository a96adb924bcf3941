/** What the panels derive from their snapshots: orders, groups, plots, diffs, formats. No browser needed. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { drawOf, samplesOf } from '../../src/protocol/rationale_draw.ts';
import type { RationaleView } from '../../src/protocol/rationale_messages.ts';
import type { AnswerTokenRecord, RationaleRecord } from '../../src/protocol/records.ts';
import { axis, dodge } from '../../webview/axis.ts';
import {
  compact,
  duration,
  fixed,
  percent,
  probability,
  pValue,
  scientific,
  signed,
  significant,
} from '../../webview/format.ts';
import {
  clearAnswer,
  counterpart,
  groupByStrategy,
  meanSelfReward,
  rightCount,
  SORT_COLUMNS,
  shownOrder,
  siblingCount,
  sortRationales,
  sortValue,
  tokenKind,
  weightLevel,
} from '../../webview/rationale_figures.ts';
import { answerTokenTip, endTokenOf, visibleToken } from '../../webview/rationale_tips.ts';
import { rewardParts } from '../../webview/reward_tips.ts';
import { readDraft } from '../../webview/sampling_draft.ts';
import { checkpointLabel, setStrings, t } from '../../webview/strings.ts';
import { wordDiff } from '../../webview/word_diff.ts';
import { busySnapshot, keptSnapshot, questionSnapshot } from '../webview/fixtures/rationales.ts';

const tuned = questionSnapshot.current!;

describe('webview formats', () => {
  it('uses a true minus and never writes a negative zero', () => {
    assert.equal(fixed(-1.236), '−1.24');
    assert.equal(fixed(-0.001), '0.00');
    assert.equal(signed(0.001), '0.00');
    assert.equal(signed(2.5, 1), '+2.5');
    assert.equal(percent(0.6131), '61.3 %');
  });

  it('keeps small p-values and probabilities readable', () => {
    assert.equal(pValue(0.5), '0.50');
    assert.equal(pValue(0.0123), '0.012');
    assert.equal(pValue(3.2e-26), '3.2·10⁻²⁶');
    assert.equal(pValue(0), '< 1·10⁻³⁰⁰');
    assert.equal(probability(0), '≈ 100 %');
    assert.equal(probability(Math.log(0.5)), '50 %');
    assert.equal(probability(-1000), '≈ 0');
    assert.equal(scientific(-1234), '−1.2·10³');
  });

  it('writes durations in two units at most', () => {
    assert.deepEqual([0, 59.4, 60, 545, 3600, 4324].map(duration), [
      '0 s',
      '59 s',
      '1 min 00 s',
      '9 min 05 s',
      '1 h 00 min',
      '1 h 12 min',
    ]);
    assert.equal(duration(3599.7), '1 h 00 min');
  });

  it('compacts any finite number to something that reads back within its precision', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e9, max: 1e9, noNaN: true }), (value) => {
        const text = compact(value).replace('−', '-');
        const [, mantissa, power] = /^(-?[\d.]+)(?:·10(.+))?$/.exec(text) ?? [];
        const digits = [...(power ?? '⁰')].map((c) => (c === '⁻' ? '-' : String('⁰¹²³⁴⁵⁶⁷⁸⁹'.indexOf(c)))).join('');
        const read = Number(mantissa) * 10 ** Number(digits);
        // Half a unit of the last digit shown, or of the second digit with a power of ten.
        const decimals = mantissa?.split('.')[1]?.length ?? 0;
        const half = power === undefined ? 0.5 * 10 ** -decimals * (1 + 1e-9) : 0;
        assert.ok(Math.abs(read - value) <= Math.max(half, 0.055 * Math.abs(value), 1e-300), `${value} as ${text}`);
      }),
      { examples: [[-0.0005], [0.0015], [0.014], [0.105], [99.96], [999_999.6]] },
    );
  });
});

describe('rationales of a question', () => {
  it('sort by any column without losing one, pinned first', () => {
    for (const by of SORT_COLUMNS.filter((column) => column !== 'answer')) {
      for (const descending of [true, false]) {
        const pinned = tuned.rationales.map((r, i) => ({ ...r, pinned: i === 2 || i === 6 }));
        const sorted = sortRationales(pinned, { by, descending });
        assert.deepEqual(sorted.map((r) => r.id).sort(), pinned.map((r) => r.id).sort());
        assert.deepEqual(
          sorted.map((r) => r.pinned),
          [true, true, ...Array(6).fill(false)],
        );
        const values = sorted.slice(2).map((r) => (descending ? -1 : 1) * Number(sortValue(r.record, by)));
        assert.deepEqual(
          values,
          values.toSorted((a, b) => a - b),
        );
      }
    }
  });

  it('sort by the answer itself: numbers by size, then words, none last either way', () => {
    const answers = ['12', 'nine', '9', null, '−', '1,000', '-3.5'];
    const rationales = answers.map((extractedAnswer, i) => {
      const view = tuned.rationales[i]!;
      return { ...view, record: { ...view.record, extractedAnswer } };
    });
    const shown = (descending: boolean) =>
      sortRationales(rationales, { by: 'answer', descending }).map(({ record }) => record.extractedAnswer);
    assert.deepEqual(shown(false).slice(0, 4), ['-3.5', '9', '12', '1,000']);
    assert.equal(shown(false).at(-1), null);
    assert.deepEqual(shown(true).slice(-5), ['1,000', '12', '9', '-3.5', null]);
  });

  it('sort right ones before wrong ones, and what has no baseline last', () => {
    const byVerdict = sortRationales(tuned.rationales, { by: 'right', descending: true });
    assert.deepEqual(
      byVerdict.map(({ record }) => record.correct),
      [...Array(7).fill(true), false],
    );
    const { rationales } = keptSnapshot.current!;
    for (const by of ['baseline', 'advantage'] as const)
      for (const descending of [true, false])
        assert.equal(shownOrder(rationales, { by, descending }).at(-2)?.id, 'edited/0');
  });

  it('never count what was pinned earlier, pair it with nothing, and list it last', () => {
    const { current, comparison } = keptSnapshot;
    const kept = current!.rationales.at(-1)!;
    assert.equal(samplesOf(current!.rationales).length, 4);
    assert.deepEqual([drawOf(current!).k, drawOf(current!).seed], [4, 8]);
    assert.equal(counterpart(kept, comparison), null);
    assert.equal(siblingCount(kept, current!), 8, 'its baseline is of the eight it was sampled with');
    assert.equal(siblingCount(current!.rationales[0]!, current!), 4);
    assert.equal(shownOrder(current!.rationales, { by: 'selfReward', descending: true }).at(-1)?.id, kept.id);
  });

  it('weigh tokens by sign and size of their weight in the update, and not at all without one', () => {
    const weights = tuned.rationales.map(({ record }) => record.weight!);
    const levels = weights.map((weight) => weightLevel(weight, tuned));
    assert.equal(Math.max(...levels.map(Math.abs)), 3, 'the heaviest');
    assert.deepEqual(levels.map(Math.sign), weights.map(Math.sign));
    assert.equal(weightLevel(undefined, tuned), 0);
    assert.equal(weightLevel(0, tuned), 0);
  });

  it('group by strategy, and the first shown is the first of the first group', () => {
    const { rationales } = busySnapshot.current!;
    const groups = groupByStrategy(rationales);
    assert.deepEqual(
      groups.map((group) => group.strategy),
      [1, 2],
    );
    assert.equal(groups.flatMap((group) => group.rationales).length, rationales.length);
    assert.equal(groupByStrategy(tuned.rationales).length, 1);
    const shown = shownOrder(rationales, { by: 'selfReward', descending: true });
    assert.equal(shown[0]?.record.strategy, 1);
  });

  it('count the model’s samples only: an edited rationale is a person’s', () => {
    const { rationales } = busySnapshot.current!;
    assert.equal(samplesOf(rationales).length, 7);
    assert.equal(rightCount(samplesOf(rationales)), 6);
    assert.equal(meanSelfReward([]), null);
    const mean = meanSelfReward(tuned.rationales)!;
    assert.ok(Math.abs(mean * 8 - tuned.rationales.reduce((sum, r) => sum + r.record.selfReward, 0)) < 1e-12);
  });

  it('compare with the same sample number under the other weights', () => {
    const third = tuned.rationales[2]!;
    assert.equal(counterpart(third, questionSnapshot.comparison)?.record.sample, 2);
    assert.equal(counterpart(third, null), null);
    assert.equal(
      counterpart({ ...third, origin: 'edited' } satisfies RationaleView, questionSnapshot.comparison),
      null,
    );
  });

  it('tell a penalty in the place of the self-reward, and a rating beside it, from rounding', () => {
    for (const { record } of tuned.rationales) assert.doesNotMatch(rewardParts(record), /[a-z]/);
    const cut = questionSnapshot.comparison!.rationales.find(({ record }) => record.stopReason === 'length')!.record;
    assert.match(rewardParts(cut), /truncation penalty/);
    assert.ok(!rewardParts(cut).includes(fixed(cut.selfReward, 3)));
    const { record } = tuned.rationales[0]!;
    const rated = { ...record, ratingBonus: -1, reward: record.reward - 1 };
    assert.match(rewardParts(rated), / − 1\.000 \(rating\)$/);
    // Ended by itself, but too short: no rating either.
    const short = { ...record, reward: record.reward - 2 };
    assert.match(rewardParts(short), /truncation penalty/);
    const { made: _made, ...older } = short;
    assert.match(rewardParts(older), /penalty or rating/);
  });

  it('are short and exact at any size', () => {
    assert.deepEqual([0, 0.0675, -12.345, 1234.6, 0.00061234, -3.2e-5].map(significant), [
      '0',
      '0.0675',
      '−12.3',
      '1235',
      '0.000612',
      '−3.20·10⁻⁵',
    ]);
  });

  it('kind of a token follows its probability', () => {
    assert.deepEqual(
      [0.95, 0.9, 0.6, 0.2, 0.01].map((p) => tokenKind(Math.log(p) + 1e-9)),
      ['expected', 'expected', 'likely', 'unsure', 'surprising'],
    );
  });
});

describe('where the answer becomes clear', () => {
  it('is the first prefix after which p never falls below one half', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -8, max: 0, noNaN: true }), { minLength: 1, maxLength: 30 }),
        (logProbs) => {
          const scores = logProbs.map((logProb, tokens) => ({ tokens, logProb }));
          const clear = clearAnswer(scores);
          const half = Math.log(0.5);
          const from = clear?.by ?? logProbs.length;
          assert.ok(logProbs.slice(from).every((value) => value >= half));
          if (from > 0) assert.ok(logProbs[from - 1]! < half);
          if (clear !== null) assert.equal(clear.notYetAt, from === 0 ? null : from - 1);
        },
      ),
    );
  });

  it('is known only as well as it was asked: between the last prefix that was not clear and the first that is', () => {
    const scores = [
      { tokens: 0, logProb: -4 },
      { tokens: 49, logProb: -3 },
      { tokens: 58, logProb: -0.1 },
    ];
    assert.deepEqual(clearAnswer(scores), { by: 58, notYetAt: 49 });
    assert.equal(clearAnswer(scores.slice(0, 2)), null);
  });
});

describe('tokens as they can be seen', () => {
  const token = (text: string, part: AnswerTokenRecord['part'] = 'template'): AnswerTokenRecord => ({
    ...{ id: 1, text, part, logProb: -0.1, logProbWithoutRationale: null },
  });
  const endOf = (...answerTokens: AnswerTokenRecord[]) => endTokenOf({ answerTokens } as RationaleRecord)?.text;

  it('are what they are in angle brackets too, but for the one that ends the answer', () => {
    for (const text of ['<br>', '<think1>', '<0x0A>', '<unk>']) {
      assert.equal(visibleToken(text), text);
      assert.match(answerTokenTip(token(text), false).title, new RegExp(`“${text}”`));
      assert.equal(endOf(token(text), token('7', 'answer'), token('.')), undefined);
    }
    assert.equal(endOf(token('<br>'), token('7', 'answer'), token('</s>')), '</s>');
    assert.equal(endOf(token('</s>'), token('<7>', 'answer')), undefined, 'an answer ends nothing');
    assert.match(answerTokenTip(token('</s>'), true).title, /⟨end⟩/);
    assert.deepEqual([visibleToken(' '), visibleToken('\n')], ['␣', '⏎']);
  });
});

describe('strip plot', () => {
  const values = fc.array(fc.double({ min: -60, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 });

  it('has an axis that holds zero and every value, with few round ticks', () => {
    fc.assert(
      fc.property(values, (rewards) => {
        const { low, high, ticks } = axis(rewards);
        const slack = 1e-8 * (high - low);
        assert.ok(low <= Math.min(0, ...rewards) + slack && high >= Math.max(0, ...rewards) - slack);
        assert.ok(ticks.length >= 2 && ticks.length <= 8, `${ticks.length} ticks`);
        assert.ok(ticks.some((tick) => Math.abs(tick) < 1e-9));
      }),
      { examples: [[[5e-324]], [[-1e-9, 0]], [[0]]] },
    );
  });

  it('moves marks apart that would cover each other', () => {
    fc.assert(
      fc.property(values, (positions) => {
        const places = dodge(positions, 5);
        for (const [i, x] of positions.entries()) {
          for (const [j, y] of positions.entries()) {
            if (i < j && places[i] === places[j]) assert.ok(Math.abs(x - y) >= 5 - 1e-9);
          }
        }
      }),
    );
  });
});

describe('word diff', () => {
  const words = fc.array(fc.constantFrom('14', '9', 'shells', 'twice', '−', '=', '27', 'so', '.', ','), {
    maxLength: 25,
  });

  it('gives both texts back', () => {
    fc.assert(
      fc.property(words, words, (a, b) => {
        const [before, after] = [a.join(' '), b.join(' ')];
        const parts = wordDiff(before, after);
        const without = (kind: string): string =>
          parts
            .filter((part) => part.kind !== kind)
            .map((part) => part.text)
            .join('');
        assert.equal(without('added'), before);
        assert.equal(without('removed'), after);
      }),
    );
  });

  it('reads as one removal and one addition per rewritten passage', () => {
    assert.deepEqual(
      wordDiff('She has 9. She finds 2 more.', 'She has 9. Twice 9 is 18.').map((part) => part.kind),
      ['same', 'removed', 'added', 'same'],
    );
    assert.deepEqual(wordDiff('the same', 'the same'), [{ kind: 'same', text: 'the same' }]);
  });
});

describe('sampling settings as typed', () => {
  it('are read, or the wrong field is named', () => {
    assert.deepEqual(readDraft({ k: '8', temperature: '0,7', seed: '0' }), {
      settings: { k: 8, temperature: 0.7, seed: 0 },
    });
    assert.deepEqual(readDraft({ k: '1', temperature: '1', seed: '0' }), { wrong: 'k' });
    assert.deepEqual(readDraft({ k: '8', temperature: '', seed: '0' }), { wrong: 'temperature' });
    assert.deepEqual(readDraft({ k: '8', temperature: '1', seed: '1.5' }), { wrong: 'seed' });
  });
});

describe('panel texts', () => {
  it('come from the host’s table where it has them, in English otherwise', () => {
    setStrings({ 'checkpoint.step': 'Schritt {0}' });
    assert.equal(checkpointLabel('step-40'), 'Schritt 40');
    assert.equal(checkpointLabel('base'), 'base');
    setStrings({});
    assert.equal(t('rationale.right', 3, 8), '3 of 8 right');
  });
});
