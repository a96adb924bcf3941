/** Every equation that the rationale panel shows is true, whatever method and reward made the figures: checked on real updates. */
import assert from 'node:assert/strict';
import * as v from 'valibot';
import type { DatasetRow } from '../../src/engine/datasets/row.ts';
import type { Method } from '../../src/engine/training/methods/method.ts';
import { INITIAL_METHOD_STATE, type MethodUpdate } from '../../src/engine/training/methods/method.ts';
import { methodOf } from '../../src/engine/training/methods/registry.ts';
import { setOfRollout } from '../../src/extension/rationales/rationale_sets.ts';
import { stepDocument } from '../../src/extension/runs/step_text.ts';
import { bareLogProb } from '../../src/protocol/counted_tokens.ts';
import { figuresMade } from '../../src/protocol/figures_made.ts';
import type { RationaleSet, RationaleView } from '../../src/protocol/rationale_messages.ts';
import { QuestionRollout, type RationaleRecord } from '../../src/protocol/records.ts';
import type { RunConfig } from '../../src/protocol/run_config.ts';
import { advantageTip, baselineTip, weightTip } from '../../webview/advantage_tips.ts';
import { rewardOf } from '../../webview/objective_tips.ts';
import { weightLevel } from '../../webview/rationale_figures.ts';
import { klTip } from '../../webview/rationale_tips.ts';
import { selfRewardTip, withoutRationale } from '../../webview/reward_tips.ts';
import type { Tip } from '../../webview/tip.ts';
import { checkEquation } from '../support/equations.ts';
import { ENGLISH } from '../support/languages.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import {
  openStrategies,
  type StrategySetup,
  strategyConfig,
  TAGS,
  writeStrategyProject,
} from '../support/strategy_setup.ts';

type Changes = Parameters<typeof strategyConfig>[1];

const REWARDS = ['log-probability', 'probability', 'mean-token-probability', 'jepo', 'spread-weighted'] as const;
const METHODS: Readonly<Record<string, NonNullable<Changes>>> = {
  latro: { method: 'latro', strategies: { count: 0 } },
  'latro with strategies, equal': { method: 'latro', strategies: { ...TAGS, weighting: 'equal' } },
  'latro with strategies, by probability': { method: 'latro', strategies: { ...TAGS, weighting: 'probability' } },
  'rejection-sampling': { method: 'rejection-sampling', strategies: { count: 0 } },
  grpo: { method: 'grpo', strategies: { count: 0 } },
  'gfpo, exact': { method: 'gfpo', gfpo: { form: 'exact', reward: 'self-reward' } },
  'gfpo, exact, verifier': { method: 'gfpo', gfpo: { form: 'exact', reward: 'verifier' } },
  'gfpo, sampled': { method: 'gfpo', gfpo: { form: 'sampled', reward: 'self-reward', advantage: 'leave-one-out' } },
  'gfpo, sampled, verifier': {
    method: 'gfpo',
    gfpo: { form: 'sampled', reward: 'verifier', advantage: 'group-normalised' },
  },
  ssft: { method: 'ssft', ssft: { source: 'sampled', traces: 2 } },
  'ssft without tags': { method: 'ssft', ssft: { source: 'sampled', traces: 2, matching: 'mixed' } },
};

interface Case {
  readonly config: RunConfig;
  readonly update: MethodUpdate;
  readonly sets: readonly RationaleSet[];
}

describe('equations of the rationale panel', () => {
  const folder = temporaryFolder();
  let setup: StrategySetup;
  /** For SSFT, which learns nothing of wrong answers: a tiny model gives no others, but to a free text no answer is wrong. */
  let freeText: StrategySetup;
  /** Whose answers are what the model happens to say: a verifier finds both right and wrong. */
  let rows: readonly DatasetRow[];

  before(async () => {
    await writeStrategyProject(folder.path);
    setup = await openStrategies(strategyConfig(folder.path));
    const dataset = { train: 'traces.jsonl', holdOutFraction: 0, answers: 'free-text' } as const;
    freeText = await openStrategies(strategyConfig(folder.path, { dataset }));
    const said = ['80', '7'];
    rows = setup.rows.slice(0, 2).map((row, i) => ({ ...row, answer: said[i]! }));
  });
  after(() => {
    setup.policy.dispose();
    freeText.policy.dispose();
  });

  async function run(changes: Changes, state = INITIAL_METHOD_STATE): Promise<Case> {
    const config = strategyConfig(folder.path, {
      sampling: { rationalesPerQuestion: 6, maxRationaleTokens: 24, minRationaleTokens: 2 },
      ...changes,
    });
    const method: Method = methodOf(config);
    const { context } = config.method === 'ssft' ? freeText : setup;
    const questions = rows.map((row) => context.task.encoder.encode(row, 12));
    const update = await method({ ...context, config }, { step: 2, questions, state });
    const settings = { runId: 'run', temperature: 1, beta: config.reward.klCoefficient };
    // As the panel gets it: through the file and its validation.
    const read = update.rollouts.map((rollout) => v.parse(QuestionRollout, JSON.parse(JSON.stringify(rollout))));
    return { config, update, sets: read.map((rollout) => setOfRollout(rollout, settings)) };
  }

  const tipsOf = (rationale: RationaleView, set: RationaleSet) => ({
    selfReward: selfRewardTip(rationale.record),
    kl: klTip(rationale, set),
    baseline: baselineTip(rationale, set),
    advantage: advantageTip(rationale, set),
    weight: weightTip(rationale, set),
  });

  /** What each tip says its figure is. */
  const figureOf = (record: RationaleRecord) => ({
    selfReward: record.selfReward,
    baseline: record.baseline,
    advantage: record.advantage,
    weight: record.weight,
  });

  /** @returns the kinds of tips that showed an equation */
  function checkTips(sets: readonly RationaleSet[]): Set<string> {
    const shown = new Set<string>();
    for (const set of sets)
      for (const rationale of set.rationales)
        for (const [name, tip] of Object.entries<Tip>(tipsOf(rationale, set))) {
          const numbers = tip.numbers?.split(',  ')[0];
          const said = `${name}: ${tip.formula ?? ''} | ${tip.numbers ?? ''} | ${JSON.stringify(rationale.record.made)}`;
          const figure = figureOf(rationale.record)[name as 'selfReward'];
          if (numbers === undefined) continue;
          if (!numbers.includes('=')) {
            assert.equal(tip.formula, undefined, `a formula without its numbers: ${said}`);
            continue;
          }
          const { left, holds } = checkEquation(numbers);
          assert.ok(holds, said);
          if (figure != null) assert.ok(Math.abs(left - figure) <= Math.max(6e-4, 6e-3 * Math.abs(figure)), said);
          shown.add(name);
        }
    return shown;
  }

  /** What the dashboard says of the rewards that its curve is the mean of. */
  function checkCurves({ sets, config }: Case): void {
    const { formula } = rewardOf(figuresMade(config, 2));
    for (const { record } of sets.flatMap(({ rationales }) => rationales)) {
      const { stopReason, tokens, selfReward, klPenalty, reward, made } = record;
      assert.deepEqual({ ...made, questions: 2 }, figuresMade(config, 2));
      if (formula === undefined) assert.ok(made!.kind === 'jepo' || reward === Number(record.correct));
      else if (stopReason !== 'length' && tokens.length >= 2)
        assert.ok(Math.abs(reward - (selfReward - (formula.includes('KL') ? klPenalty : 0))) < 1e-9, formula);
    }
  }

  /** The weight that each record names is the one that its tokens have in the update. */
  function checkWeights({ update }: Case): void {
    const tags = setup.policy.tags!.ids;
    let found = 0;
    for (const [q, { rationales }] of update.rollouts.entries()) {
      const group = update.groups[update.sources.indexOf(q)];
      for (const { tokens, weight, text, stopReason } of rationales) {
        const ids = tokens.map(({ id }) => id);
        const starts = [[], ...tags].map((tag) => ({ tag, sequence: [...tag, ...ids] }));
        const own = (group?.continuations ?? []).flatMap(({ ids: all, predictions }) =>
          starts
            .filter(({ sequence }) => sequence.every((id, at) => all[at] === id || (at >= all.length && at > 0)))
            .map(({ tag }) => predictions.filter(({ at }) => at >= tag.length && at < tag.length + ids.length)),
        );
        const drawn = own.filter((predictions) => predictions.length === ids.length && ids.length > 0);
        const weights = new Set(drawn.flat().map((prediction) => prediction.weight));
        if (weight === 0) assert.equal(weights.size, 0, `${text} has weights ${[...weights]}`);
        else assert.deepEqual([...weights], [weight], `${text} (${stopReason})`);
        if (weight !== 0) found++;
      }
    }
    assert.ok(found > 0, 'no rationale has a weight');
  }

  const rewardSection = (
    kind: (typeof REWARDS)[number],
    more: Record<string, unknown> = {},
  ): NonNullable<Changes>['reward'] =>
    kind === 'spread-weighted' ? { kind: 'log-probability', spreadWeights: true, ...more } : { kind, ...more };

  for (const [name, changes] of Object.entries(METHODS)) {
    describe(name, () => {
      // JEPO gives the rationales of a question one reward: the strategies could not be told apart by it.
      const rewards = REWARDS.filter((kind) => kind !== 'jepo' || changes.gfpo?.reward !== 'self-reward');
      for (const kind of rewards)
        for (const over of ['answer', 'answer-and-template'] as const)
          for (const subtractNoRationale of [false, true])
            it(`${kind} over ${over}${subtractNoRationale ? ', less what it is without a rationale' : ''}`, async () => {
              const reward = rewardSection(kind, { over, subtractNoRationale, klCoefficient: 0.05 });
              const one = await run({ ...changes, reward });
              const { config, sets } = one;
              const shown = checkTips(sets);
              const [made] = sets.flatMap(({ rationales }) => rationales.map(({ record }) => record.made!));
              assert.equal(made!.method, config.method);
              assert.equal(shown.has('selfReward'), config.method !== 'grpo' && kind !== 'spread-weighted');
              assert.ok(shown.has('advantage'), 'the advantage has its formula');
              checkCurves(one);
              const forkBaseline = made!.advantage === 'expected' || made!.advantage === 'joint-bound';
              assert.equal(shown.has('baseline'), !forkBaseline);
              assert.equal(shown.has('kl'), made!.beta > 0);
              if (config.method === 'gfpo') {
                for (const { rationales } of sets) for (const { record } of rationales) assert.equal(record.weight, 0);
              } else checkWeights(one);
              if (name === 'latro' || config.method === 'grpo' || config.method === 'rejection-sampling')
                assert.ok(shown.has('weight'), 'the weight has its formula');
            });
    });
  }

  for (const name of ['latro', 'latro with strategies, equal', 'ssft'] as const)
    for (const kind of REWARDS)
      it(`${name}, ${kind}: advantages that are clipped, and every truncation rule`, async () => {
        for (const truncationRule of ['question-minimum', 'batch-mean', 'none'] as const)
          for (const advantageClip of [null, 1]) {
            const reward = rewardSection(kind, { truncationRule, advantageClip, klCoefficient: 1 });
            const sampling = { rationalesPerQuestion: 6, maxRationaleTokens: 24, minRationaleTokens: 5 };
            const { sets } = await run({ ...METHODS[name], reward, sampling });
            assert.ok(checkTips(sets).has('advantage'));
            const [first] = sets[0]!.rationales;
            const { formula } = advantageTip(first!, sets[0]!);
            if (formula !== undefined) assert.equal(formula.includes('clip'), advantageClip !== null, formula);
          }
      });

  it('name the formula of the method', async () => {
    const formulas = async (name: string) => {
      const { sets } = await run(METHODS[name]);
      const tips = sets.flatMap((set) => set.rationales.map((rationale) => tipsOf(rationale, set)));
      return {
        tips,
        advantage: tips.map(({ advantage }) => advantage.formula),
        text: tips.map(({ weight }) => weight.text),
      };
    };
    const grpo = await formulas('grpo');
    for (const formula of grpo.advantage) assert.equal(formula, 'A_k = (r_k − b) ⁄ (std r + ε)');
    assert.ok(
      grpo.tips.every(({ selfReward }) => selfReward.text!.startsWith('1 when') && !selfReward.text!.includes('p =')),
    );
    assert.ok(grpo.tips.some(({ weight }) => weight.formula === 'w_t = A_k ⁄ (N·K·|o_k|)'));
    const kept = await formulas('rejection-sampling');
    assert.ok(kept.tips.some(({ weight }) => weight.formula === 'w_t = 1 ⁄ T'));
    assert.ok(kept.text.some((text) => /Not kept/.test(text!)));
    assert.ok(kept.tips.every(({ advantage }) => /for comparison only/.test(advantage.text!)));
    const fork = await formulas('gfpo, exact');
    assert.ok(fork.tips.every(({ weight }) => weight.formula === undefined && weight.numbers === '0'));
    assert.ok(fork.text.every((text) => /only the tag's own token has a weight/.test(text!)));
  });

  it('say that the standard-deviation filter left a question out, and draw no weight', async () => {
    const reward = { standardDeviationFilter: 0.5 };
    const { sets } = await run({ ...METHODS.latro, reward }, { spreadSteps: 100, spreadAverage: 1e9 });
    checkTips(sets);
    for (const set of sets)
      for (const rationale of set.rationales) {
        const { record } = rationale;
        assert.equal(record.weight, 0);
        assert.equal(weightLevel(record.weight, set), 0);
        if (Math.abs(record.advantage!) > 1e-5)
          assert.match(weightTip(rationale, set).text!, /standard-deviation filter left this question out/);
      }
  });

  it('set the mean beside the same tokens without a rationale', async () => {
    for (const over of ['answer', 'answer-and-template'] as const) {
      const { sets, update } = await run({ ...METHODS.latro, reward: { over } });
      for (const [q, { rationales }] of sets.entries()) {
        const { record } = rationales[0]!;
        const bare = bareLogProb(record)!;
        const all = update.rollouts[q]!.noRationaleLogProb!;
        if (over === 'answer') assert.ok(bare - all > 0.1, 'fewer tokens');
        else assert.ok(Math.abs(bare - all) < 1e-5);
        const said = withoutRationale(record)!;
        assert.ok(said.includes(bare.toFixed(2).replace('-', '−')), said);
        assert.ok(said.includes(over === 'answer' ? "the answer's own tokens" : 'answer and template'), said);
      }
      const facts = { runId: 'run', step: 2, asked: 2, dataset: 'traces.jsonl', strategies: {} };
      const { text } = stepDocument(update.rollouts, facts, ENGLISH);
      for (const { rationales } of update.rollouts) {
        const bare = bareLogProb(rationales[0]!)!.toFixed(2).replace('-', '−');
        const which = over === 'answer' ? 'answer alone' : 'answer and template';
        assert.ok(text.includes(`without a rationale log p ${bare} (${which})`), text);
      }
    }
  });

  it('read older records: by the tokens that the figures themselves tell, else without a formula', async () => {
    for (const over of ['answer', 'answer-and-template'] as const) {
      const { sets } = await run({ ...METHODS.latro, reward: { over } });
      const older = sets.map((set) => ({ ...set, rationales: set.rationales.map(withoutMade) }));
      const shown = checkTips(older);
      assert.ok(shown.has('selfReward') && shown.has('baseline') && shown.has('advantage'));
      assert.ok(!shown.has('weight'), 'what it weighed is not known');
      const { text } = selfRewardTip(older[0]!.rationales[0]!.record);
      assert.match(text!, over === 'answer' ? /answer's own tokens/ : /all tokens of y/);
    }
    const { sets } = await run(METHODS.grpo);
    const older = sets.map((set) => ({ ...set, rationales: set.rationales.map(withoutMade) }));
    checkTips(older);
    const tips = older.flatMap((set) => set.rationales.map((rationale) => tipsOf(rationale, set)));
    assert.ok(tips.every(({ selfReward }) => selfReward.formula === undefined));
    assert.ok(tips.some(({ advantage }) => advantage.formula === undefined));
  });

  function withoutMade(rationale: RationaleView): RationaleView {
    const { made: _made, weight: _weight, ...record } = rationale.record;
    return { ...rationale, record };
  }
});

describe('equations in tests', () => {
  it('are found out when they do not hold', () => {
    assert.ok(checkEquation('−0.373 = −0.060 (answer) − 0.313 (template)').holds);
    assert.ok(!checkEquation('−0.060 = −0.060 (answer) + −0.313 (template)').holds);
    assert.ok(!checkEquation('+0.540 = (1.000 − 0.000) − (0.714)').holds);
    assert.ok(checkEquation('+0.585 = ((1.000) − (0.714)) ⁄ (0.488 + 0.0001)').holds);
    assert.ok(checkEquation('0.942 = exp(−0.060)').holds);
    assert.ok(!checkEquation('0.95 = exp(−0.060)').holds);
    assert.ok(checkEquation('+1.000 = clip((3.000) ⁄ 2.000, −1, 1)').holds);
    assert.ok(checkEquation('−3.20·10⁻⁵ = −0.064 ⁄ (8 · 250)').holds);
    assert.ok(!checkEquation('−3.20·10⁻⁵ = −0.070 ⁄ (8 · 250)').holds);
    assert.throws(() => checkEquation('0.5'));
  });
});
