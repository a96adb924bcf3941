/** What the side panel reads of the runs on disk: whose rationales, which of them, and how long that holds the editor. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { cp, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { atomicWrite, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { formatById } from '../../src/engine/datasets/registry.ts';
import { checkRow } from '../../src/engine/datasets/row_check.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { Limit } from '../../src/extension/common/limit.ts';
import { Renewal } from '../../src/extension/common/renewal.ts';
import { DatasetResults } from '../../src/extension/inline/dataset_results.ts';
import { PanelChoices } from '../../src/extension/rationales/panel_choices.ts';
import { type Question, QuestionSource } from '../../src/extension/rationales/question_source.ts';
import { RatingStore } from '../../src/extension/rationales/rating_store.ts';
import { questionSnapshot } from '../../src/extension/rationales/rationale_snapshot.ts';
import { RationaleStore } from '../../src/extension/rationales/rationale_store.ts';
import { RolloutIndex } from '../../src/extension/runs/rollout_index.ts';
import type { RunStatus } from '../../src/protocol/records.ts';
import { QuestionRollout, type RationaleRecord } from '../../src/protocol/records.ts';
import { longestTurn } from '../support/event_loop.ts';
import { toyRollout, toyWorld, UNKNOWN_IDENTITY } from '../support/toy_run.ts';

const files = new NodeFileSystem();
const SAMPLING = { k: 4, temperature: 1, seed: 0 };
const ROW = '{"question":"What is 2 + 2?","answer":"4"}';

describe('what the side panel reads', function () {
  this.timeout(120_000);
  let folder: string;
  let dataset: string;
  let question: Question;
  let runs: RunStore;
  let state: Map<string, unknown>;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'latro-q-'));
    dataset = path.join(folder, 'train.jsonl');
    const { row } = checkRow(ROW, 1, formatById('starter'));
    question = { file: dataset, row: row!, text: ROW };
    runs = new RunStore(toyWorld(), path.join(folder, 'runs'));
    state = new Map();
  });
  afterEach(() => rm(folder, { recursive: true }));

  const open = async () => {
    const list = (await runs.list()).runs;
    const known = { runs: list, directory: (run: { directory: string }) => new RunDirectory(files, run.directory) };
    const memento = {
      get: <T>(key: string, fallback: T) => (state.get(key) as T | undefined) ?? fallback,
      update: async (key: string, value: unknown) => void state.set(key, structuredClone(value)),
    };
    const choices = new PanelChoices(memento);
    const source = new QuestionSource({
      runs: known,
      store: new RationaleStore(files, path.join(folder, 'rationales'), assert.fail),
      ratings: new RatingStore(files, () => systemClock.iso()),
      choices,
      model: () => '/models/m',
    });
    /** As the panel draws it. */
    const draw = async () => {
      const now = await source.known(question);
      return await questionSnapshot({
        question,
        dataset: 'train.jsonl',
        known: now,
        choice: choices.of(question.row.rowKey, now.run?.id ?? null),
        marks: await source.marks(question, now.run),
        sampling: SAMPLING,
        activity: null,
        failure: null,
        unscored: null,
      });
    };
    const log = { info() {}, warn: assert.fail, error: assert.fail };
    const onChanged = () => ({ dispose() {} });
    const results = new DatasetResults({ ...known, onChanged }, path.join(folder, 'evaluations'), log);
    return { source, draw, results };
  };

  /** A run that trains on the dataset, as it is left when it ended so after `step` updates. */
  const newRun = async (
    step: number,
    status: Exclude<RunStatus, 'running' | 'interrupted'> = 'finished',
  ): Promise<RunDirectory> => {
    const settings = { model: '/models/m', dataset: { train: dataset }, steps: 100 };
    const writer = await runs.create(resolveRunConfig(settings, '/latro.json').config, UNKNOWN_IDENTITY);
    await writer.update({ step, totalSteps: 100, phase: 'training' });
    await writer.close(status);
    return writer.directory;
  };
  const rolloutOf = (step: number, text: string, rationale: Partial<RationaleRecord> = {}): QuestionRollout => {
    const toy = toyRollout(step);
    const rationales = toy.rationales.map((each) => ({ ...each, text, ...rationale }));
    return { ...toy, step, rowKey: question.row.rowKey, rationales };
  };
  const record = (run: RunDirectory, step: number, text: string): Promise<void> =>
    atomicWrite(files, run.rolloutFile(step), `${JSON.stringify(rolloutOf(step, text))}\n`);
  const setStep = async (run: RunDirectory, step: number): Promise<void> => {
    const writer = await runs.open(run.id);
    await writer.update({ step });
    await writer.close('stopped');
  };

  describe('of a question with 3000 rollouts of 33 kB', () => {
    const ROLLOUTS = 3000;
    const tokens = Array.from({ length: 250 }, (_, id) => ({ id, text: ` w${id}`, logProb: -0.25 }));
    const samples = Math.ceil(33_000 / JSON.stringify(tokens).length);
    const largeRollout = (step: number): string => {
      const one = rolloutOf(step, `at ${step}`, { tokens });
      const first = one.rationales[0]!;
      const rationales = Array.from({ length: samples }, (_, sample) => ({ ...first, sample }));
      return `${JSON.stringify({ ...one, rationales })}\n`;
    };
    let written: RunDirectory | undefined;
    let run: RunDirectory;
    /** Once, 100 MB of them. */
    const writeRollouts = async (): Promise<RunDirectory> => {
      const directory = new RunDirectory(files, await mkdtemp(path.join(tmpdir(), 'latro-rollouts-')));
      await files.makeDirectory(directory.rolloutsFolder);
      assert.ok(largeRollout(1).length >= 33_000);
      for (let step = 1; step <= ROLLOUTS; step++) await writeFile(directory.rolloutFile(step), largeRollout(step));
      return directory;
    };
    beforeEach(async () => {
      written ??= await writeRollouts();
      run = await newRun(ROLLOUTS);
      await cp(written.rolloutsFolder, run.rolloutsFolder, { recursive: true });
    });
    after(async () => {
      if (written !== undefined) await rm(written.path, { recursive: true });
    });

    it('never holds the editor for 50 ms, and reads nothing again where nothing has changed', async () => {
      const { draw } = await open();
      let first: Awaited<ReturnType<typeof draw>> | undefined;
      const opening = await longestTurn(async () => {
        first = await draw();
      });
      assert.equal(first?.checkpoints.length, ROLLOUTS);
      assert.equal(first?.current?.rationales[0]?.record.text, `at ${ROLLOUTS}`);
      assert.deepEqual(
        first?.stages.map(({ checkpoint, figures }) => [checkpoint, figures?.best.text]),
        [
          ['base', 'at 1'],
          [`step-${ROLLOUTS - 2}`, `at ${ROLLOUTS - 1}`],
          [`step-${ROLLOUTS - 1}`, `at ${ROLLOUTS}`],
        ],
      );
      // Written in place, and so that it could not be read: the folder is as it was.
      for (let step = 1; step <= ROLLOUTS; step++) await writeFile(run.rolloutFile(step), 'x');
      let second: Awaited<ReturnType<typeof draw>> | undefined;
      const again = await longestTurn(async () => {
        second = await draw();
      });
      assert.deepEqual(second, first);
      console.log(`      longest turn ${opening.longest.toFixed(1)} ms, then ${again.longest.toFixed(1)} ms`);
      assert.ok(opening.longest < 50, `${opening.longest} ms at first`);
      assert.ok(again.longest < 50, `${again.longest} ms again`);
    });

    it('shows what a further update samples, and holds the editor no longer for it', async () => {
      const { draw } = await open();
      await draw();
      await atomicWrite(files, run.rolloutFile(ROLLOUTS + 1), largeRollout(ROLLOUTS + 1));
      let text: string | undefined;
      const { longest } = await longestTurn(async () => {
        text = (await draw()).current?.rationales[0]?.record.text;
      });
      assert.equal(text, `at ${ROLLOUTS + 1}`);
      assert.ok(longest < 50, `${longest} ms`);
    });

    it('opens few files at once, however many rows are asked for', async function () {
      const FILES = '/proc/self/fd';
      if (!existsSync(FILES)) this.skip();
      const index = new RolloutIndex(run);
      const { rowKey } = question.row;
      const steps = await index.steps(rowKey);
      // Other tests of the process have files of their own open.
      const rollouts = await realpath(run.rolloutsFolder);
      const isRollout = (descriptor: string) => {
        try {
          return readlinkSync(path.join(FILES, descriptor)).startsWith(rollouts);
        } catch {
          return false; // closed meanwhile
        }
      };
      let most = 0;
      const looks = setInterval(() => {
        most = Math.max(most, readdirSync(FILES).filter(isRollout).length);
      });
      const read = await Promise.all(steps.map((step) => index.read(rowKey, step, QuestionRollout)));
      clearInterval(looks);
      assert.equal(read.filter((rollout) => rollout !== undefined).length, ROLLOUTS);
      assert.ok(most > 0 && most <= 8, `${most} files`);
    });
  });

  it('is the run of the hints: the newest that has results, not one that failed or has none yet', async () => {
    const older = await newRun(1);
    await record(older, 1, 'older');
    const failed = await newRun(0, 'failed');
    const { source, draw, results } = await open();
    assert.equal((await results.history(dataset))?.run?.id, older.id);
    const drawn = await draw();
    assert.deepEqual([drawn.run, drawn.runs], [older.id, [older.id]]);
    assert.equal(drawn.current?.rationales[0]?.record.text, 'older');
    assert.equal((await source.runOf({ file: path.join(folder, 'other.jsonl') }))?.id, undefined);
    await record(failed, 1, 'newer');
    const now = await open();
    assert.equal((await now.results.history(dataset))?.run?.id, failed.id);
    assert.deepEqual([(await now.draw()).run, (await now.draw()).runs], [failed.id, [failed.id, older.id]]);
  });

  it('is there, and why its ratings are not, where their file cannot be read', async () => {
    await record(await newRun(1), 1, 'still shown');
    await writeFile(`${dataset}.ratings.json`, '{"version": 1, "ratings": [');
    const { source, draw } = await open();
    assert.equal((await draw()).current?.rationales[0]?.record.text, 'still shown');
    const { ratings, ratingsError } = await source.marks(question, await source.runOf({ file: dataset }));
    assert.equal(ratings.size, 0);
    assert.match(String((ratingsError as Error).message), /train\.jsonl\.ratings\.json/);
  });

  it('is a run without results where no run has any: its weights can be asked', async () => {
    const only = await newRun(0, 'failed');
    const drawn = await (await open()).draw();
    assert.deepEqual([drawn.run, drawn.runs, drawn.current], [only.id, [only.id], null]);
  });

  it('is the run that was chosen, after a reload too, and the newest again when that one is chosen', async () => {
    const [first, second] = [await newRun(1), await newRun(1)];
    await record(first, 1, 'first');
    await record(second, 1, 'second');
    const { source, draw } = await open();
    assert.equal((await draw()).current?.rationales[0]?.record.text, 'second');
    await source.chooseRun(question, first.id);
    assert.equal((await draw()).current?.rationales[0]?.record.text, 'first');
    const third = await newRun(1);
    await record(third, 1, 'third');
    const reloaded = await open();
    const drawn = await reloaded.draw();
    assert.deepEqual([drawn.run, drawn.runs], [first.id, [third.id, second.id, first.id]]);
    await reloaded.source.chooseRun(question, third.id);
    await record(await newRun(1), 1, 'fourth');
    assert.equal((await (await open()).draw()).current?.rationales[0]?.record.text, 'fourth', 'follows newer runs');
    await reloaded.source.chooseRun(question, second.id);
    await rm(second.path, { recursive: true });
    assert.equal((await (await open()).draw()).current?.rationales[0]?.record.text, 'fourth', 'the chosen one is gone');
  });

  it('is the run that is meant, whichever is shown by itself by then', async () => {
    const older = await newRun(1);
    await record(older, 1, 'older');
    const { source } = await open();
    const { set } = await source.known(question);
    await source.addSet(question, null, { ...(await set('base'))!, rationales: [] });
    await record(await newRun(1), 1, 'newer');
    const later = (await open()).source;
    const textOf = async (run: string | null) =>
      (await (await later.known({ ...question, run })).set('base'))?.rationales[0]?.record.text;
    const meant = await later.known({ ...question, run: older.id });
    assert.deepEqual([meant.run?.id, meant.runs.length], [older.id, 2]);
    assert.equal(await textOf(older.id), 'older');
    assert.equal((await later.known({ ...question, run: null })).run, null);
    assert.deepEqual((await (await later.known({ ...question, run: null })).set('base'))?.rationales, []);
    assert.equal((await later.sampled({ ...question, run: older.id }, 1, 0))?.text, 'older');
    assert.equal(await textOf('a run that was removed'), 'newer');
  });

  it('is what the step that a person came from sampled, of an older run too', async () => {
    const older = await newRun(3);
    for (const step of [1, 2, 3]) await record(older, step, `older at ${step}`);
    const newest = await newRun(1);
    await record(newest, 1, 'newest at 1');
    const { source, draw } = await open();
    const shown = async () => {
      const { run, current } = await draw();
      return [run, current?.checkpoint, current?.rationales[0]?.record.text];
    };
    assert.deepEqual(await shown(), [newest.id, 'base', 'newest at 1']);
    const { rowKey } = question.row;
    await source.chooseStep({ file: dataset, rowKey, runId: older.id, step: 2 });
    assert.deepEqual(await shown(), [older.id, 'step-1', 'older at 2']);
    await source.chooseStep({ file: dataset, rowKey, runId: newest.id, step: 1 });
    assert.deepEqual(await shown(), [newest.id, 'base', 'newest at 1']);
  });

  it('is what a run that was rolled back samples anew, in the panel and beside the row', async () => {
    const run = await newRun(4);
    for (const step of [1, 2, 3, 4]) await record(run, step, `first time ${step}`);
    const { source, draw, results } = await open();
    const { rowKey } = question.row;
    const ofRow = async () => (await results.detail(dataset, rowKey))?.rationales;
    const asked = async (checkpoint: string) => {
      const { run: of, set } = await source.known(question);
      const own = (await set(checkpoint))!;
      const edited = own.rationales.map((each) => ({
        ...each,
        record: { ...each.record, text: `asked ${checkpoint}` },
      }));
      await source.addSet(question, of, { ...own, rationales: edited });
      await source.addTrace(question, of, checkpoint, own.rationales[0]!.id, { scores: [], by: checkpoint });
    };
    for (const checkpoint of ['base', 'step-1', 'step-3']) await asked(checkpoint);
    const textOf = async (from: Awaited<ReturnType<typeof open>>, checkpoint: string) =>
      (await (await from.source.known(question)).set(checkpoint))?.rationales[0]?.record.text;
    assert.equal((await draw()).current?.rationales[0]?.record.text, 'asked step-3');
    assert.equal((await draw()).discardable, true);
    const before = await results.of(dataset, [rowKey]);
    assert.ok(JSON.stringify(await ofRow()).includes('first time 4'));

    // Rolled back to step 1, as the engine does it.
    for (const step of [4, 3, 2]) await rm(run.rolloutFile(step));
    await setStep(run, 1);
    const back = await open();
    assert.deepEqual([...(await back.source.known(question)).sampled].sort(), ['base', 'step-1']);
    assert.deepEqual([await textOf(back, 'base'), await textOf(back, 'step-1')], ['asked base', 'asked step-1']);
    assert.deepEqual(
      [...(await back.source.marks(question, await back.source.runOf({ file: dataset }))).traces.keys()].length,
      2,
    );

    // And resumed: the same updates, other rationales.
    const right = { correct: true, selfReward: -0.125, reward: -0.125 };
    for (const step of [2, 3, 4]) {
      const text = `${JSON.stringify(rolloutOf(step, `second time ${step}`, right))}\n`;
      await atomicWrite(files, run.rolloutFile(step), text);
    }
    await setStep(run, 4);
    for (const window of [await open(), { source, draw, results }]) {
      assert.equal(await textOf(window, 'step-3'), 'second time 4', 'not hidden by what was asked of other weights');
      assert.equal((await window.draw()).current?.rationales[0]?.record.text, 'second time 4');
      assert.equal((await window.draw()).discardable, false);
      assert.deepEqual([await textOf(window, 'base'), await textOf(window, 'step-1')], ['asked base', 'asked step-1']);
      const { traces } = await window.source.marks(question, await window.source.runOf({ file: dataset }));
      assert.ok(![...traces.keys()].some((key) => key.startsWith('step-3 ')), 'nor is its trace shown as theirs');
    }
    assert.ok(JSON.stringify(await ofRow()).includes('second time 4'));
    const [now, then] = [(await results.of(dataset, [rowKey])).get(rowKey), before.get(rowKey)];
    assert.notDeepEqual(now?.now, then?.now, 'the same first and last step, other figures');
    assert.equal(now?.now.meanReward, -0.125);
  });

  it('opens the rationale of a number, wherever it stands in its line', async () => {
    const run = await newRun(3);
    const rollout = rolloutOf(2, 'x');
    const first = rollout.rationales[0]!;
    const rationales = [5, 2].map((sample) => ({ ...first, sample, text: `number ${sample}` }));
    await atomicWrite(files, run.rolloutFile(2), `${JSON.stringify({ ...rollout, rationales })}\n`);
    const { source } = await open();
    assert.equal((await source.sampled(question, 2, 2))?.text, 'number 2');
    assert.equal(await source.sampled(question, 2, 0), undefined);
  });

  it('shows what was asked of weights that an exact resume made once more', async () => {
    const run = await newRun(2);
    for (const step of [1, 2]) await record(run, step, `at ${step}`);
    const { source } = await open();
    const known = await source.known(question);
    const asked = (await known.set('step-1'))!;
    await source.addSet(question, known.run, { ...asked, checkpoint: 'step-2', rationales: [] });
    // Killed after step 1 and resumed: the same bytes, at another time.
    const bytes = await readFile(run.rolloutFile(2));
    await rm(run.rolloutFile(2));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await atomicWrite(files, run.rolloutFile(2), bytes.toString());
    for (const window of [source, (await open()).source]) {
      const again = await window.known(question);
      assert.deepEqual((await again.set('step-2'))?.rationales, [], 'what was asked, not what was sampled');
    }
  });

  it('keeps what was asked of weights whose rollouts a person has removed', async () => {
    const run = await newRun(4);
    for (const step of [1, 4]) await record(run, step, `at ${step}`);
    const { source } = await open();
    const known = await source.known(question);
    await source.addSet(question, known.run, { ...(await known.set('step-3'))!, checkpoint: 'step-4' });
    assert.ok((await stat(run.rolloutFile(4))).size > 0);
    await rm(run.rolloutFile(4));
    assert.ok((await (await open()).source.known(question)).sampled.has('step-4'));
  });
});

describe('what is made anew', () => {
  it('is made one at a time: what is asked during one is in the next, once', async () => {
    let [made, atOnce, most] = [0, 0, 0];
    const renewal = new Renewal(async () => {
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setTimeout(resolve, 5));
      atOnce--;
      made++;
    });
    const first = renewal.ask();
    const others = Array.from({ length: 100 }, () => renewal.ask());
    await Promise.all([first, ...others]);
    assert.deepEqual([made, most], [2, 1]);
    await renewal.ask();
    assert.equal(made, 3);
  });
});

describe('a limit', () => {
  it('lets so many work at once, in order, and gives the place of one that failed to the next', async () => {
    const limit = new Limit(3);
    let [atOnce, most] = [0, 0];
    const begun: number[] = [];
    const work = (n: number) =>
      limit.run(async () => {
        begun.push(n);
        most = Math.max(most, ++atOnce);
        await new Promise((resolve) => setImmediate(resolve));
        atOnce--;
        if (n % 5 === 0) throw new Error(`${n}`);
        return n;
      });
    const ended = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => work(n)));
    assert.deepEqual(
      begun,
      Array.from({ length: 20 }, (_, n) => n),
    );
    assert.equal(most, 3);
    assert.equal(ended.filter(({ status }) => status === 'fulfilled').length, 16);
    assert.equal(await work(1), 1, 'every place is free again');
  });
});
