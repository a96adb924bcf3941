import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LatroError } from '../../src/engine/common/errors.ts';
import {
  latroBatchUpdate,
  latroUpdate,
  type ObjectiveSettings,
  type QuestionUpdate,
  type ScoredQuestion,
  type ScoredRationale,
} from '../../src/engine/latro/objective.ts';
import { filterSettings, objectiveSettings } from '../../src/engine/latro/objective_settings.ts';
import type { RunConfig } from '../../src/protocol/run_config.ts';
import { PRESET_SECTIONS, PRESET_TOP } from '../../src/protocol/run_presets.ts';

const corrected: ObjectiveSettings = {
  reward: { kind: 'log-probability', over: 'answer-and-template', subtractNoRationale: false },
  beta: 0.05,
  truncation: { rule: 'question-minimum', penalty: 2 },
  minTokens: 8,
  answerTerm: { type: 'constant', coefficient: 1 },
  answerTermOnUnfinished: false,
  advantageClip: null,
};
const with_ = (partial: Partial<ObjectiveSettings>): ObjectiveSettings => ({ ...corrected, ...partial });

function rationale(selfReward: number, partial: Partial<ScoredRationale> = {}): ScoredRationale {
  const scores = { answer: [selfReward / 2], template: [selfReward / 4, selfReward / 4] };
  return { tokens: 20, stopReason: 'end-token', logProb: -30, referenceLogProb: -30, scores, ...partial };
}
const question = (...rationales: ScoredRationale[]): ScoredQuestion => ({ rationales, noRationale: null });
const update = (q: ScoredQuestion, settings = corrected) =>
  latroUpdate(q, settings, { questions: 1, meanSelfReward: null });
const truncated: Partial<ScoredRationale> = { stopReason: 'length' };

const logProb = fc.double({ min: -20, max: -1e-3, noNaN: true });
const anyScores = fc.record({ answer: fc.tuple(logProb, logProb), template: fc.tuple(logProb) });
const anyRationale = (settings: { unscorable: boolean }): fc.Arbitrary<ScoredRationale> =>
  fc.record({
    tokens: fc.nat(40),
    stopReason: fc.constantFrom('end-token', 'stop-phrase', 'length'),
    logProb,
    referenceLogProb: logProb,
    scores: settings.unscorable ? fc.option(anyScores, { nil: null, freq: 4 }) : anyScores,
    ratingBonus: fc.constantFrom(0, 0, 1, -1),
  });
const anyQuestion = (settings = { unscorable: true }): fc.Arbitrary<ScoredQuestion> =>
  fc
    .array(anyRationale(settings), { minLength: 2, maxLength: 8 })
    .map((rationales) => ({ rationales, noRationale: { answer: [-2, -3], template: [-0.5] } }));
const anySettings: fc.Arbitrary<ObjectiveSettings> = fc.record({
  reward: fc.record({
    kind: fc.constantFrom('log-probability', 'probability', 'mean-token-probability', 'jepo', 'spread-weighted'),
    over: fc.constantFrom('answer', 'answer-and-template'),
    subtractNoRationale: fc.boolean(),
  }),
  beta: fc.constantFrom(0, 0.05, 1),
  truncation: fc.constantFrom(
    { rule: 'question-minimum', penalty: 2 },
    { rule: 'batch-mean', penalty: 2 },
    { rule: 'none' },
  ),
  minTokens: fc.constantFrom(0, 8),
  answerTerm: fc.record({
    type: fc.constantFrom('constant', 'answer-probability', 'reward-gradient'),
    coefficient: fc.constantFrom(0, 0.1, 1),
  }),
  answerTermOnUnfinished: fc.boolean(),
  advantageClip: fc.constantFrom(null, 1),
});

describe('the LaTRO objective', () => {
  it('turns eq. 4 into weights, by hand', () => {
    // r = −1 − 0.05·4, −2, −4, −9 with K = 4 and N = 2 questions in the batch.
    const q = question(rationale(-1, { logProb: -26 }), rationale(-2), rationale(-4), rationale(-9));
    const { rationales } = latroUpdate(q, corrected, { questions: 2, meanSelfReward: null });
    const [first] = rationales;
    assert.ok(first !== undefined);
    assert.equal(first.selfReward, -1);
    assert.equal(first.answerLogProb, -0.5);
    assert.equal(first.templateLogProb, -0.5);
    assert.ok(Math.abs(first.klPenalty - 0.2) < 1e-12);
    assert.ok(Math.abs((first.reward as number) + 1.2) < 1e-12);
    assert.equal(first.baseline, -5);
    assert.ok(Math.abs(first.advantage - 3.8) < 1e-12);
    assert.ok(Math.abs(first.rationaleWeight - 3.8 / 8) < 1e-12);
    assert.deepEqual(first.answerWeights, { answer: [1 / 8], template: [1 / 8, 1 / 8] });
  });

  it('advantages sum to 0 per question, for every reward whose baseline is the mean of the others', () => {
    fc.assert(
      fc.property(anyQuestion(), anySettings, (q, settings) => {
        fc.pre(settings.reward.kind !== 'jepo' && settings.advantageClip === null);
        const [{ rationales }] = latroBatchUpdate([q], settings) as [QuestionUpdate];
        const sum = rationales.reduce((total, r) => total + r.advantage, 0);
        assert.ok(Math.abs(sum) < 1e-9 * Math.max(1, ...rationales.map((r) => Math.abs(r.advantage))));
      }),
    );
  });

  it("JEPO's advantages are the measured vector of algorithms.md §8.2", () => {
    const jepo = with_({ reward: { ...corrected.reward, kind: 'jepo' }, beta: 0 });
    const { rationales } = update(question(...[-1, -2, -4, -9].map((logProb) => rationale(logProb))), jepo);
    [0.93384, 0.01266, -0.25194, -0.28745].forEach((advantage, k) => {
      assert.ok(Math.abs(rationales[k]!.advantage - advantage) < 5e-6);
      assert.ok(Math.abs(rationales[k]!.reward! + 2.03705) < 5e-6);
      assert.equal(rationales[k]!.rationaleWeight, rationales[k]!.advantage, 'no factor 1/K');
    });
  });

  it('the order of rationales and of questions changes nothing, bit for bit', () => {
    const shuffles = fc.infiniteStream(fc.nat());
    fc.assert(
      fc.property(
        fc.array(anyQuestion(), { minLength: 1, maxLength: 3 }),
        anySettings,
        shuffles,
        (batch, settings, keys) => {
          const shuffle = <T>(items: readonly T[]) =>
            items.map((item, i) => [keys.next().value as number, item, i] as const).sort((a, b) => a[0] - b[0]);
          const updates = latroBatchUpdate(batch, settings);
          const questions = shuffle(batch);
          const orders = questions.map(([, q]) => shuffle(q.rationales));
          const permuted = latroBatchUpdate(
            questions.map(([, q], i) => ({ ...q, rationales: (orders[i] ?? []).map(([, r]) => r) })),
            settings,
          );
          questions.forEach(([, , original], i) => {
            const expected = updates[original] as QuestionUpdate;
            assert.equal(permuted[i]?.rewardSpread, expected.rewardSpread);
            assert.deepEqual(
              permuted[i]?.rationales,
              (orders[i] ?? []).map(([, , k]) => expected.rationales[k]),
            );
          });
        },
      ),
    );
  });

  it('splitting a batch into micro-batches changes no weight', () => {
    fc.assert(
      fc.property(fc.array(anyQuestion(), { minLength: 2, maxLength: 4 }), anySettings, (batch, settings) => {
        fc.pre(settings.truncation.rule !== 'batch-mean');
        const whole = latroBatchUpdate(batch, settings);
        const context = { questions: batch.length, meanSelfReward: null };
        assert.deepEqual(
          batch.map((q) => latroUpdate(q, settings, context)),
          whole,
        );
      }),
    );
  });

  it('reward − baseline is the advantage, and the parts add up to the reward', () => {
    fc.assert(
      fc.property(anyQuestion(), anySettings, (q, settings) => {
        fc.pre(settings.advantageClip === null);
        const [{ rationales }] = latroBatchUpdate([q], settings) as [QuestionUpdate];
        rationales.forEach((r, k) => {
          if (r.reward === null || r.selfReward === null) return;
          if (r.baseline !== null) assert.ok(Math.abs(r.reward - r.baseline - r.advantage) < 1e-12);
          if (settings.reward.kind === 'jepo') return;
          const bonus = q.rationales[k]?.ratingBonus ?? 0;
          assert.equal(r.reward, (r.truncationPenalty ?? r.selfReward) - r.klPenalty + bonus);
        });
      }),
    );
  });

  it('a rationale that could not be scored is as if it had not been sampled', () => {
    fc.assert(
      fc.property(anyQuestion({ unscorable: false }), anySettings, fc.nat(8), (q, settings, at) => {
        const unscorable = { ...rationale(-1), scores: null };
        const position = at % (q.rationales.length + 1);
        const longer = { ...q, rationales: q.rationales.toSpliced(position, 0, unscorable) };
        const [without] = latroBatchUpdate([q], settings) as [QuestionUpdate];
        const [withOne] = latroBatchUpdate([longer], settings) as [QuestionUpdate];
        assert.deepEqual(withOne.rationales.toSpliced(position, 1), without.rationales);
        assert.equal(withOne.rationales[position]?.advantage, 0);
        assert.equal(withOne.rationales[position]?.rationaleWeight, 0);
      }),
    );
  });

  it('a question none of whose rationales could be scored teaches nothing, under every setting', () => {
    fc.assert(
      fc.property(anySettings, (settings) => {
        const unscorable = { ...rationale(-1), scores: null };
        const [{ rationales }] = latroBatchUpdate([question(unscorable, unscorable)], settings) as [QuestionUpdate];
        assert.ok(rationales.every((r) => r.advantage === 0 && r.rationaleWeight === 0 && r.reward === null));
      }),
    );
  });

  it('K = 1 is refused, a score that is not a number too', () => {
    assert.throws(
      () => update(question(rationale(-1))),
      (e: LatroError) => e.code === 'config-invalid',
    );
    const notANumber = rationale(Number.NaN);
    assert.throws(
      () => update(question(rationale(-1), notANumber)),
      (e: LatroError) => e.code === 'non-finite',
    );
  });

  it('at θ = θ_0 the KL penalty is exactly 0', () => {
    const { rationales } = update(question(rationale(-1), rationale(-2)), with_({ beta: 0.25 }));
    assert.deepEqual(
      rationales.map((r) => r.klPenalty),
      [0, 0],
    );
  });

  it('a rating moves the reward of its own rationale', () => {
    const { rationales } = update(question(rationale(-1, { ratingBonus: 3 }), rationale(-1)));
    assert.deepEqual(
      rationales.map((r) => r.advantage),
      [3, -3],
    );
  });

  it('over the answer alone, the template gets no weight and no reward', () => {
    const reward = { ...corrected.reward, over: 'answer' } as const;
    const { rationales } = update(question(rationale(-1), rationale(-2)), with_({ reward }));
    assert.deepEqual(
      rationales.map((r) => r.selfReward),
      [-0.5, -1],
    );
    assert.deepEqual(rationales[0]?.answerWeights, { answer: [0.5], template: [0, 0] });
    assert.equal(rationales[0]?.templateLogProb, -0.5);
  });

  it('equal rewards teach the rationales nothing', () => {
    const same = update(question(rationale(-1.1), rationale(-1.1), rationale(-1.1)), with_({ advantageClip: 1 }));
    assert.equal(same.zeroVariance, true);
    assert.ok(same.rationales.every((r) => r.rationaleWeight === 0));
    assert.equal(update(question(rationale(-1), rationale(-2))).zeroVariance, false);
    const jepo = with_({ reward: { ...corrected.reward, kind: 'jepo' } });
    assert.equal(update(question(rationale(-1), rationale(-2)), jepo).zeroVariance, false);
  });
});

describe('truncation in the objective', () => {
  it('question-minimum: an unfinished rationale is the worst of its question, whatever its score and KL', () => {
    fc.assert(
      fc.property(anyQuestion(), anySettings, (q, drawn) => {
        const settings = { ...drawn, truncation: { rule: 'question-minimum', penalty: 2 } as const };
        const { rationales } = update(
          { ...q, rationales: q.rationales.map((r) => ({ ...r, ratingBonus: 0 })) },
          settings,
        );
        const finished = rationales.filter((r) => r.finished && r.reward !== null);
        const unfinished = rationales.filter((r) => !r.finished && r.reward !== null);
        const worst = Math.min(...finished.map((r) => r.advantage));
        for (const r of unfinished) {
          assert.equal(r.reward, unfinished[0]?.reward);
          assert.ok(r.advantage <= worst);
          if (settings.reward.kind !== 'jepo' && finished.length > 0) {
            const lowest = Math.min(...finished.map((f) => f.reward as number));
            assert.equal(r.reward, lowest - 2);
          }
          // None finished: no signal.
          if (finished.length === 0) assert.ok(Math.abs(r.advantage) < 1e-9);
        }
      }),
    );
  });

  it('short rationales are treated as unfinished, and teach the answer nothing', () => {
    const empty = rationale(-0.01, { tokens: 0, logProb: 0, referenceLogProb: 0 });
    const { rationales } = update(question(rationale(-5), rationale(-6), empty));
    assert.equal(rationales[2]?.finished, false);
    assert.equal(rationales[2]?.reward, -8);
    assert.ok((rationales[2]?.advantage as number) < 0);
    assert.deepEqual(rationales[2]?.answerWeights, { answer: [0], template: [0, 0] });
  });

  it("batch-mean: the released code's rule, where truncation pays on a hard question", () => {
    const settings = with_({ truncation: { rule: 'batch-mean', penalty: 2 }, answerTermOnUnfinished: true });
    const easy = question(rationale(-1), rationale(-1));
    const hard = question(rationale(-11), rationale(-11, truncated));
    const [, update] = latroBatchUpdate([easy, hard], settings) as [QuestionUpdate, QuestionUpdate];
    // Mean −6 times γ = 2 is −12: truncated is worse here.
    assert.equal(update.rationales[1]?.reward, -12);
    const [, , harder] = latroBatchUpdate([easy, easy, hard], settings) as [
      QuestionUpdate,
      QuestionUpdate,
      QuestionUpdate,
    ];
    // The same question among easier ones: the penalty is −8.7, and running out of length beats finishing.
    assert.ok((harder.rationales[1]?.advantage as number) > 0);
    assert.throws(() => latroUpdate(hard, settings, { questions: 1, meanSelfReward: null }), /batch-mean/);
  });
});

describe('objective settings', () => {
  const preset = (name: 'latro-paper' | 'latro-corrected') => {
    const reward = Object.fromEntries(
      Object.entries(PRESET_SECTIONS.reward).map(([key, row]) => [key, row[name]]),
    ) as RunConfig['reward'];
    const sampling = { minRationaleTokens: PRESET_SECTIONS.sampling.minRationaleTokens[name] };
    return { reward, sampling, sftWeight: PRESET_TOP.sftWeight[name] };
  };

  it('of the presets are eq. 4 as published, and our corrections of it', () => {
    assert.deepEqual(objectiveSettings(preset('latro-paper')), {
      reward: { kind: 'log-probability', over: 'answer-and-template', subtractNoRationale: false },
      beta: 0.05,
      truncation: { rule: 'batch-mean', penalty: 2 },
      minTokens: 0,
      answerTerm: { type: 'constant', coefficient: 1 },
      answerTermOnUnfinished: true,
      advantageClip: null,
    });
    assert.deepEqual(objectiveSettings(preset('latro-corrected')), {
      ...corrected,
      reward: { ...corrected.reward, over: 'answer' },
    });
  });

  it('choose R3, JEPO’s own answer weights, VeriFree’s, and the RLPR filter', () => {
    const base = preset('latro-corrected');
    const change = (reward: Partial<RunConfig['reward']>, sftWeight: RunConfig['sftWeight'] = 1) =>
      objectiveSettings({ ...base, sftWeight, reward: { ...base.reward, ...reward } });
    assert.equal(change({ spreadWeights: true }).reward.kind, 'spread-weighted');
    assert.deepEqual(change({ kind: 'jepo' }, 0.01).answerTerm, { type: 'reward-gradient', coefficient: 0.01 });
    assert.equal(change({ kind: 'probability' }, 'answer-probability').answerTerm.type, 'answer-probability');
    assert.deepEqual(change({ truncationRule: 'none' }).truncation, { rule: 'none' });
    assert.equal(filterSettings(base.reward), null);
    assert.deepEqual(filterSettings({ ...base.reward, standardDeviationFilter: 0.5 }), {
      factor: 0.5,
      decay: 0.99,
      fromStep: 11,
    });
  });
});
