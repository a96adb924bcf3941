import assert from 'node:assert/strict';
import { evaluationReport } from '../../src/cli/evaluation_report.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { systemClock } from '../../src/engine/common/clock.ts';
import { summariseEvaluation } from '../../src/engine/training/evaluator.ts';
import type { EvaluatedOutput } from '../../src/protocol/evaluated_output.ts';
import type { EvaluationRow } from '../../src/protocol/records.ts';

/** A question of whose `n` samples the first `right` are right. */
function question(line: number, n: number, right: number): EvaluationRow {
  const output = (correct: boolean): EvaluatedOutput => {
    const answer = correct ? '1' : '2';
    return { text: answer, extractedAnswer: answer, correct, tokens: 3, finished: true };
  };
  const logProb = -1;
  return {
    rowKey: String(line),
    line,
    question: '',
    goldAnswer: '1',
    greedy: output(right > n / 2),
    samples: Array.from({ length: n }, (_, i) => output(i < right)),
    majorityAnswer: null,
    majorityCorrect: false,
    answerLogProbWithoutRationale: logProb,
    answerLogProbGreedy: logProb,
    answerLogProbSampled: logProb,
  };
}

describe('what an evaluation says', () => {
  it('estimates pass@k for fewer samples than were drawn, and rises to pass@n', () => {
    const rows = [question(1, 8, 0), question(2, 8, 1), question(3, 8, 6)];
    const summary = summariseEvaluation(rows, { name: '', checkpoint: 'base', dataset: 'd', k: 8, seconds: 1 });
    const stream = { write: () => true };
    const lines = evaluationReport(
      summary,
      rows,
      new Terminal({ stdout: stream, stderr: stream, env: {}, clock: systemClock }),
    );
    const rate = (k: number): number =>
      Number(lines.find((line) => line.startsWith(`pass@${k} `))?.match(/([\d.]+) %/)?.[1]);
    // 1 − C(n−c, k)/C(n, k) by hand: (0 + 2/8 + 27/28)/3, (0 + 4/8 + 1)/3, (0 + 1 + 1)/3.
    assert.deepEqual([rate(2), rate(4), rate(8)], [40.5, 50, 66.7]);
  });
});
