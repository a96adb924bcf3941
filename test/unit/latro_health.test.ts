import assert from 'node:assert/strict';
import {
  checkHealth,
  HEALTH_RULES,
  type HealthEvaluation,
  type HealthPoint,
  type HealthSeries,
  healthEvaluation,
} from '../../src/engine/latro/health.ts';
import { HealthCheck } from '../../src/protocol/run_config_fields.ts';
import { PRESET_SECTIONS } from '../../src/protocol/run_presets.ts';

/** Piecewise linear through (step, value) knots. */
function through(...knots: [number, number][]): (step: number) => number {
  return (step) => {
    const right = Math.max(
      1,
      knots.findIndex(([at]) => at >= step),
    );
    const [x0, y0] = knots[right - 1] as [number, number];
    const [x1, y1] = knots[right] as [number, number];
    return y0 + ((y1 - y0) * (step - x0)) / (x1 - x0);
  };
}

type Curves = Partial<Record<Exclude<keyof HealthPoint, 'step'>, (step: number) => number>>;

/** A run that reasons: the answer's likelihood rises, with rationales only slightly shorter. */
const healthy: Curves = {
  meanAnswerLogProb: through([1, -6], [40, -1.5]),
  meanTemplateLogProb: through([1, -2], [40, -0.8]),
  meanRationaleTokens: through([1, 60], [40, 48]),
  finishedShare: through([1, 0.9], [40, 0.98]),
  zeroVarianceShare: through([1, 0.05], [40, 0.2]),
  meanKl: through([1, 0], [40, 4]),
  correctShare: through([1, 0.3], [40, 0.66]),
  leakShare: () => 0.02,
  meanNoRationaleAnswerLogProb: () => -8,
};
const evaluations: HealthEvaluation[] = [
  { step: 20, greedyAccuracy: 0.4, sampledAccuracy: 0.31 },
  { step: 40, greedyAccuracy: 0.7, sampledAccuracy: 0.66 },
];

function series(updates: number, curves: Curves = {}, seen = evaluations): HealthSeries {
  const all = { ...healthy, ...curves } as Required<Curves>;
  const steps = Array.from({ length: updates }, (_, i): HealthPoint => {
    const at = (curve: (step: number) => number) => curve(i + 1);
    return {
      step: i + 1,
      meanAnswerLogProb: at(all.meanAnswerLogProb),
      meanTemplateLogProb: at(all.meanTemplateLogProb),
      meanRationaleTokens: at(all.meanRationaleTokens),
      finishedShare: at(all.finishedShare),
      zeroVarianceShare: at(all.zeroVarianceShare),
      meanKl: at(all.meanKl),
      correctShare: at(all.correctShare),
      leakShare: at(all.leakShare),
      meanNoRationaleAnswerLogProb: at(all.meanNoRationaleAnswerLogProb),
    };
  });
  return { steps, evaluations: seen };
}
const raised = (s: HealthSeries) => checkHealth(s).map((finding) => finding.check);

describe('run health', () => {
  it('a healthy run raises nothing, at any moment of it', () => {
    for (let updates = 0; updates <= 40; updates++) assert.deepEqual(raised(series(updates)), []);
  });

  it('measured failure 1: rationales of 16, 4, then 2 tokens, the reward from −8.9 to −5.1', () => {
    // MiniMind2-Small on MultiArith, lr 2e-4, c_sft 1, no minimum length. Measured: lengths and total reward; that the
    // template made nearly all of the gain is what the outputs showed, its exact share here is ours.
    const run = series(25, {
      meanRationaleTokens: through([1, 16], [7, 4], [15, 2], [25, 2]),
      meanTemplateLogProb: through([1, -4.1], [15, -0.7], [25, -0.6]),
      meanAnswerLogProb: through([1, -4.8], [15, -4.4], [25, -4.4]),
      finishedShare: through([1, 0.9], [15, 1], [25, 1]),
    });
    const at15 = { ...run, steps: run.steps.slice(0, 15) };
    assert.deepEqual(
      raised(at15).filter((c) => c !== 'kl-drift'),
      ['length-collapse', 'template-learning'],
    );
    assert.equal(checkHealth(at15)[0]?.step, 15);
  });

  it('measured failure 2: rationales of 71, 42, then 25 tokens over 40 updates, finished share 0.61 to 0.98', () => {
    // lr 1e-4, c_sft 0.1, shorter than 12 tokens counts as unfinished; the reward went from −15.9 to −10.6.
    const run = series(40, {
      meanRationaleTokens: through([1, 71], [20, 42], [40, 25]),
      finishedShare: through([1, 0.61], [40, 0.98]),
      meanAnswerLogProb: through([1, -7.9], [40, -5.3]),
      meanTemplateLogProb: through([1, -8], [40, -5.3]),
      meanNoRationaleAnswerLogProb: () => -9,
    });
    assert.deepEqual(raised(run), ['length-collapse']);
    // Half-way it is not yet half of where it began.
    assert.deepEqual(raised({ ...run, steps: run.steps.slice(0, 20) }), []);
  });

  const sick: [string, Curves, HealthEvaluation[]][] = [
    ['truncation', { finishedShare: through([1, 0.95], [40, 0.6]) }, evaluations],
    ['answer-leak', { leakShare: through([1, 0], [40, 0.3]) }, evaluations],
    ['guessing', { meanNoRationaleAnswerLogProb: through([1, -9], [40, -1.4]) }, evaluations],
    ['zero-variance', { zeroVarianceShare: through([1, 0.1], [40, 0.8]) }, evaluations],
    ['kl-drift', { meanKl: through([1, 0], [40, 30]) }, evaluations],
    // Qwen2.5-3B on MATH (arXiv 2602.03979): base 21.2 / 16.6, log-probability reward 56.8 / 44.2.
    [
      'hedging',
      {},
      [
        { step: 20, greedyAccuracy: 0.212, sampledAccuracy: 0.166 },
        { step: 40, greedyAccuracy: 0.568, sampledAccuracy: 0.442 },
      ],
    ],
  ];
  for (const [check, curves, seen] of sick) {
    it(`raises ${check} alone, late in the run and not early`, () => {
      assert.deepEqual(raised(series(40, curves, seen)), [check]);
      assert.deepEqual(raised(series(6, curves, seen.slice(0, 1))), []);
    });
  }

  it('does not call verifier-like training hedging, nor a gap that was there before', () => {
    // The same table: probability reward 56.5 / 53.3.
    const probability = [
      { step: 20, greedyAccuracy: 0.212, sampledAccuracy: 0.166 },
      { step: 40, greedyAccuracy: 0.565, sampledAccuracy: 0.533 },
    ];
    assert.deepEqual(raised(series(40, {}, probability)), []);
    const shrinking = [
      { step: 20, greedyAccuracy: 0.65, sampledAccuracy: 0.45 },
      { step: 40, greedyAccuracy: 0.9, sampledAccuracy: 0.8 },
    ];
    assert.deepEqual(raised(series(40, {}, shrinking)), []);
    assert.deepEqual(raised(series(40, {}, [{ step: 20, greedyAccuracy: 0.9, sampledAccuracy: null }])), []);
  });

  it('knows what single samples are worth from the updates before a validation', () => {
    const { steps } = series(40, { correctShare: through([1, 0.1], [35, 0.1], [36, 0.4], [40, 0.8]) });
    const until = (count: number) =>
      healthEvaluation({ greedyAccuracy: 0.9, sampledAccuracy: null }, steps.slice(0, count));
    assert.deepEqual(until(20), { step: 20, greedyAccuracy: 0.9, sampledAccuracy: 0.1 });
    const { step, sampledAccuracy } = until(40);
    assert.equal(step, 40);
    assert.ok(Math.abs(sampledAccuracy! - 0.6) < 1e-9);
    assert.equal(until(4).sampledAccuracy, null, 'no full window yet');
    const drawn = healthEvaluation({ greedyAccuracy: 0.9, sampledAccuracy: 0.5 }, steps);
    assert.equal(drawn.sampledAccuracy, 0.5, 'samples of the validation itself are better');
  });

  it('works without what only some runs measure', () => {
    const bare = series(40);
    const steps = bare.steps.map(({ leakShare: _, meanNoRationaleAnswerLogProb: __, ...point }): HealthPoint => point);
    assert.deepEqual(raised({ steps, evaluations: [] }), []);
  });

  it('thresholds and window can be chosen', () => {
    const run = series(40);
    const [finding] = checkHealth(run, { thresholds: { 'length-collapse': 0.95 } });
    assert.equal(finding?.check, 'length-collapse');
    assert.equal(finding?.threshold, 0.95);
    assert.ok(finding !== undefined && finding.value > 0.75 && finding.value < 0.9);
    assert.deepEqual(checkHealth(series(7), { window: 4 }), []);
    const collapsed = series(4, { meanRationaleTokens: through([1, 60], [2, 60], [3, 5], [4, 5]) });
    assert.deepEqual(
      checkHealth(collapsed, { window: 2 }).map((f) => f.check),
      ['length-collapse'],
    );
  });

  it('covers every check of the config once, and each cure names a setting that exists', () => {
    assert.deepEqual(
      HEALTH_RULES.map((rule) => rule.id),
      [...HealthCheck.options],
    );
    for (const { cure } of HEALTH_RULES) {
      for (const name of `${cure.setting} ${cure.advice}`.match(/\b(?:sampling|reward|optimizer)\.\w+/g) ?? []) {
        const [section, key] = name.split('.') as [keyof typeof PRESET_SECTIONS, string];
        const exists = key in PRESET_SECTIONS[section] || name === 'optimizer.learningRate';
        assert.ok(exists, `${name} is no setting`);
      }
    }
  });

  it('says what was measured and what to set', () => {
    const [finding] = checkHealth(series(40, { zeroVarianceShare: () => 0.75 }));
    assert.equal(
      finding?.message,
      'Zero-variance questions: On most questions all rationales earn the same, so they teach the model nothing. (0.75, above 0.5)',
    );
    assert.match(finding?.cure ?? '', /^sampling\.rationalesPerQuestion: raise it/);
  });
});
