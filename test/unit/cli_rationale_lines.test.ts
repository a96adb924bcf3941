/** The unit of a self-reward on the command line is that of its kind. */
import assert from 'node:assert/strict';
import { rationaleLines, rationaleMeasure } from '../../src/cli/rationale_lines.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { trainingSummary } from '../../src/cli/training_summary.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import type { SelfRewardMade } from '../../src/protocol/counted_tokens.ts';
import type { FiguresMade } from '../../src/protocol/figures_made.ts';
import type { QuestionRollout, RationaleRecord, StepMetrics } from '../../src/protocol/records.ts';
import { TextStream } from '../support/command_line.ts';
import { ManualClock } from '../support/manual_clock.ts';

const MADE: FiguresMade = {
  method: 'latro',
  kind: 'log-probability',
  over: 'answer',
  subtractNoRationale: false,
  judgedBy: 'self-reward',
  advantage: 'leave-one-out',
  advantageClip: null,
  siblings: 'question',
  beta: 0,
  questions: 1,
};

const rationale = (sample: number, text: string, selfReward: number): RationaleRecord => ({
  sample,
  text,
  tokens: [],
  stopReason: 'stop-phrase',
  logProb: -1,
  referenceLogProb: null,
  answerTokens: [{ id: 1, text: '7', part: 'answer', logProb: -1, logProbWithoutRationale: -1 }],
  answerLogProb: -1,
  templateLogProb: 0,
  selfReward,
  klPenalty: 0,
  reward: selfReward,
  baseline: 0,
  advantage: 0,
  extractedAnswer: null,
  correct: false,
});

function rollout(made: Partial<SelfRewardMade> | null, values: readonly number[], text = 'one'): QuestionRollout {
  const own = made === null ? {} : { made: { ...MADE, ...made } };
  return {
    step: 1,
    seed: 1,
    rowKey: 'k',
    line: 1,
    question: 'q',
    prompt: 'q',
    goldAnswer: '7',
    noRationaleLogProb: null,
    rationales: values.map((value, sample) => ({ ...rationale(sample, text, value), ...own })),
  };
}

const terminal = new Terminal({
  stdout: new TextStream(),
  stderr: new TextStream(),
  env: {},
  clock: new ManualClock(),
});
const figures = (made: Partial<SelfRewardMade> | null, ...values: number[]): string[] =>
  rationaleLines(rollout(made, values), values.length, terminal).map((line) =>
    line
      .trim()
      .replace(/ +none +one$/, '')
      .replaceAll(/ +/g, ' '),
  );

describe('rationales on the command line', () => {
  it('have the unit of their reward', () => {
    assert.deepEqual(figures({}, -Math.LN2), ['−0.69 nats ( 50.0 %)']);
    assert.deepEqual(figures({ kind: 'jepo' }, -Math.LN2), ['−0.69 nats ( 50.0 %)']);
    assert.deepEqual(figures({ subtractNoRationale: true }, 1.25), ['+1.25 nats'], 'a gain is no probability');
    assert.deepEqual(figures({ kind: 'spread-weighted' }, -2), ['−2.00 nats, weighted']);
    assert.deepEqual(figures({ kind: 'probability' }, 0.5), ['50.0 %']);
    assert.deepEqual(figures({ kind: 'probability', subtractNoRationale: true }, -0.05), ['−5.0 points']);
    assert.deepEqual(figures({ kind: 'mean-token-probability' }, 0.5), ['50.0 % a token']);
    assert.deepEqual(figures({ kind: 'verifier' }, 1), ['1.00']);
  });

  it('are said to be what they are', () => {
    const measure = (made: Partial<SelfRewardMade>) => rationaleMeasure(rollout(made, [0]));
    assert.equal(measure({}), "log p(right answer | question, rationale) of the answer's own tokens");
    assert.match(measure({ over: 'answer-and-template' }), /of answer and template$/);
    assert.match(measure({ subtractNoRationale: true }), / − log p\(right answer \| question\) of/);
    assert.doesNotMatch(measure({ kind: 'probability' }), /log/);
    assert.match(measure({ kind: 'verifier' }), /1 right, 0 wrong/);
  });

  it('of an older record say what its figures say themselves, or no unit', () => {
    assert.deepEqual(figures(null, -1), ['−1.00 nats ( 36.8 %)'], 'it is the log-probability of the answer');
    assert.deepEqual(figures(null, 0.3), ['0.30']);
  });

  it('stand best first in columns', () => {
    const lines = rationaleLines(rollout({}, [-10, -0.5, -2], 'one\ntwo'), 2, terminal);
    assert.deepEqual(lines, [
      '  −0.50 nats ( 60.7 %) none    one',
      `  ${' '.repeat(26)}   two`,
      '  −2.00 nats ( 13.5 %) none    one',
      `  ${' '.repeat(26)}   two`,
    ]);
  });

  it('are summed up in the same unit after a run, and where there were none the loss is', () => {
    const metrics = { step: 1, loss: 2, meanSelfReward: 0.5, correctShare: 0.25 } as StepMetrics;
    const summary = (settings: object) =>
      trainingSummary(
        [metrics, { ...metrics, step: 9, loss: 1.5, meanSelfReward: 0.75 }],
        resolveRunConfig({ model: 'm', dataset: { train: 't.jsonl' }, steps: 9, ...settings }, '/latro.json').config,
      ).join();
    assert.equal(
      summary({ reward: { kind: 'probability' } }),
      'Updates 1 → 9: mean self-reward 50.0 % → 75.0 %, right rationales 25.0 % → 25.0 %.',
    );
    assert.match(summary({}), /mean self-reward 0\.50 nats → 0\.75 nats,/);
    assert.equal(summary({ method: 'sft' }), 'Updates 1 → 9: loss 2.000 → 1.500.');
  });
});
