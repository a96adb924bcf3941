/** Evaluations of a whole tiny project: what they compute, and that it is what asking for each output apart would give. */
import assert from 'node:assert/strict';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import type { DatasetRow } from '../../src/engine/datasets/row.ts';
import { answerLogProb, describeOutput, sampleOutputs, sum } from '../../src/engine/training/evaluation_sampling.ts';
import { evaluateRows } from '../../src/engine/training/evaluator.ts';
import { type RunSetup, setUpRun } from '../../src/engine/training/run_setup.ts';
import type { RunConfig } from '../../src/protocol/run_config.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { strategyConfig, writeStrategyProject } from '../support/strategy_setup.ts';
import { tinyRunConfig } from '../support/tiny_run.ts';

const SETTINGS = { temperature: 1, maxTokens: 12, seed: 5 };
/** Of a batch of seven questions: 63 outputs, decoded together. */
const K = 8;

describe('an evaluation', () => {
  const folder = temporaryFolder();
  before(() => writeStrategyProject(folder.path));

  async function withSetUp(config: RunConfig, use: (setup: RunSetup, rows: readonly DatasetRow[]) => Promise<void>) {
    const place = { device: 'cpu', precision: 'float32' } as const;
    const setup = await setUpRun(config, place, new NodeFileSystem(), new Date(0));
    const lengthOf = (row: DatasetRow): number => setup.task.encoder.encode(row, SETTINGS.maxTokens).promptIds.length;
    const [first, ...others] = setup.questions.train;
    try {
      // Prompts of one length, so that no padding is counted with them.
      await use(setup, [first!, ...others.filter((row) => lengthOf(row) === lengthOf(first!))]);
    } finally {
      await setup.policy.dispose();
    }
  }

  it('computes each prompt once, for its greedy output and its samples, and each output is the one asked for apart', () =>
    withSetUp(tinyRunConfig(folder.path), async ({ policy, task }, rows) => {
      const evaluated = await evaluateRows(policy, task, rows, { ...SETTINGS, k: K }, { onRow: async () => {} });
      assert.ok(rows.length > 7, 'more than a batch');
      const questions = rows.map((row) => task.encoder.encode(row, SETTINGS.maxTokens));
      const outputs = evaluated.flatMap(({ greedy, samples }) => [greedy, ...samples]);
      const drawn = sum(outputs.map(({ tokens, finished }) => tokens + Number(finished)));
      const { tokensRun } = policy.model.programs;
      assert.equal(outputs.length, rows.length * (1 + K));
      assert.equal(tokensRun.extend, sum(questions.map(({ promptIds }) => promptIds.length)));
      assert.equal(tokensRun.decode, drawn - outputs.length);

      const apart = async (temperature: number, samples: readonly number[], bareAnswers: boolean) => {
        const requests = questions.map((question) => ({ question, samples }));
        return sampleOutputs(policy, task, requests, { ...SETTINGS, temperature, bareAnswers }, undefined);
      };
      const greedy = await apart(0, [0], true);
      const sampled = await apart(1, [...Array(K).keys()], false);
      for (const [q, found] of evaluated.entries()) {
        const all = [greedy[q]!.samples[0]!, ...sampled[q]!.samples];
        const outputs = [found.greedy, ...found.samples];
        for (const [i, { answerLogProb: _, ...output }] of outputs.entries()) {
          const { answerLogProb: __, ...expected } = describeOutput(all[i]!, rows[q]!, task);
          assert.deepEqual(output, expected);
        }
        const scores = [found.answerLogProbWithoutRationale, ...outputs.map((output) => output.answerLogProb!)];
        const same = [sum(greedy[q]!.answerLogProbsWithoutRationale), ...all.map(answerLogProb)];
        scores.forEach((value, i) => {
          assert.ok(Math.abs(value - same[i]!) < 1e-4, `${q}, ${i}: ${value} ${same[i]}`);
        });
      }
    }));

  it('under tags computes each prompt once with each of them', () =>
    withSetUp(strategyConfig(folder.path), async ({ policy, task }, rows) => {
      await evaluateRows(policy, task, rows, { ...SETTINGS, k: 6 }, { onRow: async () => {} });
      const prompts = rows.flatMap((row) => {
        const { promptIds } = task.encoder.encode(row, SETTINGS.maxTokens);
        return policy.tags!.ids.map((tag) => promptIds.length + tag.length);
      });
      assert.equal(policy.model.programs.tokensRun.extend, sum(prompts));
    }));
});
