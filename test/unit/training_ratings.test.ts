import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import type { LatroError } from '../../src/engine/common/errors.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { type Verdicts, verdictsOf } from '../../src/engine/datasets/ratings.ts';
import type { DatasetRow } from '../../src/engine/datasets/row.ts';
import { loadAdapter } from '../../src/engine/model/adapter.ts';
import { predictTokens } from '../../src/engine/model/packing.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { latro } from '../../src/engine/training/methods/latro.ts';
import { INITIAL_METHOD_STATE, type MethodUpdate } from '../../src/engine/training/methods/method.ts';
import type { Policy } from '../../src/engine/training/policy.ts';
import type { QuestionTask } from '../../src/engine/training/question_task.ts';
import { RunRatings } from '../../src/engine/training/ratings.ts';
import { setUpRun } from '../../src/engine/training/run_setup.ts';
import { TrainingRun } from '../../src/engine/training/training_run.ts';
import type { RatingRecord, RatingsFile } from '../../src/protocol/ratings.ts';
import type { RatingVerdict } from '../../src/protocol/rationale_messages.ts';
import type { QuestionRollout, StepMetrics } from '../../src/protocol/records.ts';
import type { RunConfig } from '../../src/protocol/run_config.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { SILENT, TINY_ENVIRONMENT, tinyRunConfig, writeTinyProject } from '../support/tiny_run.ts';

const files = new NodeFileSystem();
const world = { files, clock: systemClock, processes: systemProcesses };

function rating(rowKey: string, rationale: string, verdict: RatingVerdict | null, note = ''): RatingRecord {
  return { rowKey, rationale, verdict, note, time: '2026-11-21T22:00:00.000Z' };
}

describe("a person's ratings in training", () => {
  const folder = temporaryFolder();
  const sidecar = (): string => join(folder.path, 'train.jsonl.ratings.json');
  const rate = (...ratings: RatingRecord[]): Promise<void> =>
    writeFile(sidecar(), JSON.stringify({ version: 1, ratings } satisfies RatingsFile, null, 2));
  const configOf = (changes: Parameters<typeof tinyRunConfig>[1]): RunConfig =>
    tinyRunConfig(folder.path, { steps: 1, questionsPerStep: 3, ...changes });

  before(() => writeTinyProject(folder.path));
  beforeEach(() => rm(sidecar(), { force: true }));

  async function start(config: RunConfig): Promise<TrainingRun> {
    return TrainingRun.create(world, new RunStore(world, config.outputDirectory), config, TINY_ENVIRONMENT);
  }
  async function trained(config: RunConfig): Promise<RunDirectory> {
    const run = await start(config);
    await run.execute(SILENT);
    return new RunDirectory(files, run.directory);
  }
  async function metrics(run: RunDirectory): Promise<StepMetrics[]> {
    return (await run.events()).records.flatMap((event) => (event.type === 'step' ? [event.metrics] : []));
  }

  describe('as a bonus', () => {
    const bonus = 1.5;
    const config = (): RunConfig => configOf({ ratings: { rewardBonus: bonus, trainOnApproved: false } });
    const sampledBy = async (run: RunDirectory): Promise<QuestionRollout> => (await run.rollouts(1))[0]!;

    for (const [verdict, added] of [
      ['useful', bonus],
      ['wrong', -bonus],
      ['leaks', -bonus],
    ] as const) {
      it(`change the reward of the very rationale that was rated ${verdict} by ${added}, and no other's`, async () => {
        const unrated = await trained(config());
        const before = await sampledBy(unrated);
        const { text } = before.rationales[2]!;
        assert.equal(before.rationales.filter((rationale) => rationale.text === text).length, 1);
        await rate(rating(before.rowKey, text, verdict), rating(before.rowKey, `${text} `, 'wrong'));
        const run = await trained(config());
        const after = await sampledBy(run);
        for (const [k, rationale] of after.rationales.entries()) {
          const own = k === 2 ? added : 0;
          assert.equal(rationale.reward, before.rationales[k]!.reward + own);
          assert.equal(rationale.ratingBonus ?? 0, own);
          // A_k = r_k − (1/(K−1)) Σ_{j≠k} r_j with K = 4.
          const shift = k === 2 ? added : -added / 3;
          assert(Math.abs(rationale.advantage! - before.rationales[k]!.advantage! - shift) < 1e-9);
        }
        assert.deepEqual((await run.rollouts(1)).slice(1), (await unrated.rollouts(1)).slice(1));
        assert.equal((await metrics(run))[0]!.ratedRationales, 1);
      });
    }
  });

  describe('as demonstrations', () => {
    const approved = 'add both and say the sum';
    let policy: Policy;
    let task: QuestionTask;
    let rows: readonly DatasetRow[];

    before(async () => {
      const setup = await setUpRun(configOf({}), { device: 'cpu', precision: 'float32' }, files, new Date(0));
      ({ policy, task } = setup);
      rows = setup.questions.train;
    });
    after(() => policy.dispose());

    const approvals = (row: DatasetRow, texts: readonly string[]): Verdicts =>
      verdictsOf(texts.map((text) => rating(row.rowKey, text, 'useful')));

    async function updateWith(config: RunConfig, texts: readonly string[]): Promise<MethodUpdate> {
      const questions = rows.slice(0, 2).map((row) => task.encoder.encode(row, 12));
      const ratings = new RunRatings(approvals(rows[0]!, texts), rows, task, policy.config.maxPositions, config);
      const context = { policy, task, config, ratings, generateOptions: {}, traceSources: [] };
      return latro(context, { step: 1, questions, state: INITIAL_METHOD_STATE });
    }

    const settings: [string, Partial<Pick<RunConfig, 'sftWeight'>>, number, number][] = [
      ['one, with the weight of a sample: 1/(N·K)', { sftWeight: 1 }, 1, 1 / (2 * 4)],
      ['one, with half of it when c_sft is a half', { sftWeight: 0.5 }, 1, 0.5 / (2 * 4)],
      ['one, with c = 1 where samples weigh π(y|x⊕z)', { sftWeight: 'answer-probability' }, 1, 1 / (2 * 4)],
      ['more than K, sharing the weight of K', { sftWeight: 1 }, 6, 1 / (2 * 6)],
    ];
    for (const [what, changes, count, weight] of settings) {
      it(`are learned beside the samples: ${what}`, async () => {
        const texts = Array.from({ length: count }, (_, i) => `${approved} ${i}`);
        const config = configOf({ ...changes, ratings: { rewardBonus: 0, trainOnApproved: true } });
        const { groups, statistics } = await updateWith(config, texts);
        const { groups: without } = await updateWith(config, []);
        assert.equal(statistics.approvedRationales, count);
        assert.deepEqual(
          groups.map((group) => group.continuations.slice(0, group === groups[0] ? -count : undefined)),
          without.map((group) => group.continuations),
        );
        const { answerIds, answerParts } = task.encoder.encode(rows[0]!, 12);
        for (const [i, { ids, predictions }] of groups[0]!.continuations.slice(-count).entries()) {
          const rationale = task.tokenizer.encode(texts[i]!, { addSpecialTokens: false });
          // z*, then what ends it ("\nThe answer is "), then the answer: the corrected preset counts no full stop and no end token.
          const counted = rationale.length + answerParts.lastIndexOf('answer') + 1;
          const whole = [...rationale, ...answerIds];
          assert.deepEqual(predictions, predictTokens(whole.slice(0, counted), weight));
          assert.deepEqual(ids, whole.slice(0, counted - 1));
        }
      });
    }

    it('are learned to their last token when the reward counts the whole of y', async () => {
      const reward = { over: 'answer-and-template' as const };
      const { groups } = await updateWith(configOf({ reward }), [approved]);
      const { answerIds } = task.encoder.encode(rows[0]!, 12);
      const whole = [...task.tokenizer.encode(approved, { addSpecialTokens: false }), ...answerIds];
      assert.deepEqual(groups[0]!.continuations.at(-1)!.predictions, predictTokens(whole, 1 / 8));
    });

    it('are not learned when the supervised term is off, or nobody asks for them', async () => {
      for (const changes of [{ sftWeight: 0 }, { ratings: { trainOnApproved: false } }]) {
        const { statistics, groups } = await updateWith(configOf(changes), [approved]);
        assert.equal(statistics.approvedRationales, 0);
        assert(groups.every(({ continuations }) => continuations.length <= 4));
      }
    });

    it('become more likely by the update they join', async () => {
      const config = configOf({ questionsPerStep: 9, optimizer: { learningRate: 0.01, schedule: 'constant' } });
      await rate(...rows.map((row) => rating(row.rowKey, approved, 'useful')));
      const run = await trained(config);
      assert.equal((await metrics(run))[0]!.approvedRationales, 9);
      const meanLogProb = async (): Promise<number> => {
        const groups = rows.map((row) => {
          const { promptIds, answerIds } = task.encoder.encode(row, 0);
          const ids = [...task.tokenizer.encode(approved, { addSpecialTokens: false }), ...answerIds];
          return { prompt: promptIds, continuations: [{ ids: ids.slice(0, -1), predictions: predictTokens(ids) }] };
        });
        const scores = (await policy.model.score(groups)).flat(2);
        return scores.reduce((sum, value) => sum + value, 0) / rows.length;
      };
      const before = await meanLogProb();
      await become(policy, join(run.checkpoints.directory(1), 'adapter'));
      const after = await meanLogProb();
      await rm(sidecar());
      await become(policy, join((await trained(config)).checkpoints.directory(1), 'adapter'));
      const without = await meanLogProb();
      assert(after > before && after > without, `${before} before, ${after} after, ${without} without ratings`);
    });

    it('are refused, naming the question, when they do not fit into the model', async () => {
      await rate(rating(rows[3]!.rowKey, 'and so on '.repeat(60), 'useful'));
      await assert.rejects(start(configOf({})), (error: LatroError) => {
        assert.equal(error.code, 'prompt-too-long');
        assert.match(error.reason, new RegExp(`"and so on .*question on line ${rows[3]!.line} needs 6\\d\\d tokens`));
        return true;
      });
    });

    it('are counted: approved, judged, and of rows that are not trained on', async () => {
      await rate(
        rating(rows[0]!.rowKey, approved, 'useful'),
        rating(rows[0]!.rowKey, 'no idea', 'wrong'),
        rating(rows[1]!.rowKey, 'a note only', null, 'hm'),
        rating('0123456789abcdef', 'gone', 'useful'),
      );
      const run = await trained(configOf({}));
      const used = (await run.events()).records.flatMap((event) => (event.type === 'phase' ? [event.ratings] : []));
      assert.deepEqual(used, [{ approved: 1, judged: 2, elsewhere: 1 }]);
    });
  });

  describe('as part of what the run is', () => {
    const first = async (): Promise<string> => {
      const setup = await setUpRun(configOf({}), { device: 'cpu', precision: 'float32' }, files, new Date(0));
      await setup.policy.dispose();
      return setup.questions.train[0]!.rowKey;
    };

    it('refuse a run before anything is written when their file is damaged, by line', async () => {
      await rate(rating(await first(), 'so', 'useful'));
      await writeFile(sidecar(), (await readFile(sidecar(), 'utf8')).replace('"useful"', '"usefull"'));
      const runs = join(folder.path, 'none');
      await assert.rejects(start({ ...configOf({}), outputDirectory: runs }), (error: LatroError) => {
        assert.equal(error.code, 'dataset-format');
        assert.match(error.reason, /train\.jsonl\.ratings\.json.*line 7: ratings\.0\.verdict/);
        return true;
      });
      assert.deepEqual(await files.list(runs), []);
    });

    it('must be the same when it is resumed: other verdicts are refused by name, other notes are not', async () => {
      const row = await first();
      await rate(rating(row, 'so', 'useful'));
      const run = await trained(configOf({ steps: 2 }));
      const whole = await runFingerprint(files, run.path);
      const resume = (): Promise<TrainingRun> =>
        TrainingRun.resume(world, new RunStore(world, join(folder.path, 'runs')), run.id, TINY_ENVIRONMENT, SILENT, {
          fromStep: 1,
        });
      for (const changed of [
        [],
        [rating(row, 'so', 'wrong')],
        [rating(row, 'so', 'useful'), rating(row, 'x', 'useful')],
      ]) {
        await rate(...changed);
        await assert.rejects(resume(), (error: LatroError) => {
          assert.equal(error.code, 'run-identity');
          assert.match(error.reason, /ratingsSha256/);
          assert.match(error.nextStep, /Take back the ratings/);
          return true;
        });
      }
      await rate(rating(row, 'so', 'useful', 'a new note'), rating(row, 'x', null, 'another'));
      await (await resume()).execute(SILENT);
      assert.deepEqual(await runFingerprint(files, run.path), whole);
    });

    it('are not even read by a run that uses none', async () => {
      await writeFile(sidecar(), 'not JSON');
      for (const changes of [
        { preset: 'latro-paper', trainable: { kind: 'lora' } },
        { method: 'rejection-sampling' },
        { ratings: { rewardBonus: 0, trainOnApproved: false } },
      ] as const) {
        const run = await trained(configOf(changes));
        const { identity } = await run.record();
        assert.equal(identity.ratingsSha256, null);
        assert.equal((await metrics(run))[0]!.ratedRationales, undefined);
      }
    });
  });
});

async function become(policy: Policy, adapter: string): Promise<void> {
  const { tensors } = await loadAdapter(adapter);
  for (const [name, { data }] of policy.model.parameters) data.set(tensors.get(name)!.data);
}
