/** What the side panel asks of an engine, and what is left when that comes to nothing: with an engine process, a run and a store on disk. */
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { Cancelled, LatroError } from '../../src/engine/common/errors.ts';
import { atomicWrite, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { formatById } from '../../src/engine/datasets/registry.ts';
import { checkRow } from '../../src/engine/datasets/row_check.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { EngineRequestError } from '../../src/extension/engine/engine_client.ts';
import { isAlive } from '../../src/extension/engine/engine_launcher.ts';
import { EngineSupervisor } from '../../src/extension/engine/engine_supervisor.ts';
import { PanelChoices } from '../../src/extension/rationales/panel_choices.ts';
import { type Question, QuestionSource } from '../../src/extension/rationales/question_source.ts';
import { RatingStore } from '../../src/extension/rationales/rating_store.ts';
import { RationaleJobs } from '../../src/extension/rationales/rationale_jobs.ts';
import { RationaleStore } from '../../src/extension/rationales/rationale_store.ts';
import type { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import { engineRecordFile, readEngineRecord, removeDeadSocket } from '../../src/protocol/engine_record.ts';
import { samplesOf } from '../../src/protocol/rationale_draw.ts';
import type { RunSummary } from '../../src/protocol/run_record.ts';
import { eventually } from '../support/eventually.ts';
import { recordRun } from '../support/recorded_run.ts';
import { bundleTinyEngine } from '../support/tiny_engine.ts';

describe('what the side panel asks for', function () {
  this.timeout(60_000);
  const files = new NodeFileSystem();
  const world = { files, clock: systemClock, processes: systemProcesses };
  let entry: string;
  let workspace: string;
  let engine: EngineSupervisor;
  let source: QuestionSource;
  let choices: PanelChoices;
  let jobs: RationaleJobs;
  let question: Question;

  /** One that the engine refuses: its row has no answer. */
  const refused = (): Question => ({ ...question, text: '{"question": "Is there an answer?"}' });
  const setOf = async (checkpoint: string) => (await source.markedSet(question, checkpoint))!;
  /** A checkpoint as the panel was shown it. */
  const under = async (checkpoint: string, of = question) => {
    const weights = (await source.known(of)).weightsOf(checkpoint);
    return { checkpoint, ...(weights === undefined ? {} : { weights }) };
  };
  const settings = { k: 3, temperature: 0.7, seed: 5 };

  before(async () => {
    entry = await bundleTinyEngine();
  });
  after(() => rm(path.dirname(entry), { recursive: true }));
  beforeEach(async () => {
    workspace = await mkdtemp(path.join(tmpdir(), 'latro-jobs-'));
    await cp(path.join(import.meta.dirname, '../fixtures/workspace'), workspace, { recursive: true });
    const run = await recordRun(workspace);
    // Of steps 9 and 10, both with rationales in the end, only the weights of 10 are kept.
    await mkdir(path.join(run, 'checkpoints', 'step-000010'), { recursive: true });
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    engine = new EngineSupervisor({ workspace, entry, version: '0.1.0', log });
    const store = new RunStore(world, path.join(workspace, '.latro', 'runs'));
    const { runs } = await store.list();
    // The watcher itself belongs to an extension host.
    const watcher = { runs, directory: () => new RunDirectory(files, run) } as unknown as RunsWatcher;
    const values = new Map<string, unknown>();
    choices = new PanelChoices({
      get: <T>(key: string, fallback: T) => (values.has(key) ? (values.get(key) as T) : fallback),
      update: async (key, value) => void values.set(key, value),
    });
    source = new QuestionSource({
      runs: watcher,
      store: new RationaleStore(files, path.join(workspace, '.latro', 'rationales'), assert.fail),
      ratings: new RatingStore(files, () => '2026-11-28T00:00:00.000Z'),
      choices,
      model: () => 'm',
    });
    const reporter = {
      describe(error: unknown) {
        if (error instanceof Cancelled) return undefined;
        if (error instanceof EngineRequestError) return error.failure;
        assert.ok(error instanceof LatroError, String(error));
        return { code: error.code, reason: error.reason, nextStep: error.nextStep };
      },
    };
    jobs = new RationaleJobs({ engine, reporter, source, onChanged: () => {} });
    const file = path.join(workspace, 'train.jsonl');
    const [text] = new TextDecoder().decode(await files.read(file)).split('\n');
    question = { file, row: checkRow(text!, 1, formatById('starter')).row!, text: text! };
  });
  afterEach(async () => {
    engine.dispose();
    const record = await readEngineRecord(engineRecordFile(workspace));
    if (record !== undefined) {
      if (isAlive(record.pid)) process.kill(record.pid, 'SIGKILL');
      await eventually(() => !isAlive(record.pid));
      await removeDeadSocket(record.socket);
    }
    await rm(workspace, { recursive: true, force: true, maxRetries: 5 });
  });

  it('keeps what was pinned or edited through another sample, and counts neither', async () => {
    assert.equal(await jobs.sample(question, 'step-10', settings), 'step-10');
    const [first, second] = (await setOf('step-10')).rationales;
    await choices.pin(question.row.rowKey, first!.id, true);
    const written = { rationale: second!.id, text: 'my own words', edited: 'edited-1' };
    const edited = { ...(await under('step-10')), ...written };
    await jobs.scoreEdited(question, edited);
    await jobs.scoreEdited(question, { ...edited, rationale: 'edited-1', text: 'other words', edited: 'edited-2' });
    assert.equal(jobs.unscored(question.row.rowKey), null);
    await choices.pin(question.row.rowKey, 'edited-2', true);
    for (const seed of [6, 7]) await jobs.sample(question, 'step-10', { k: 4, temperature: 0.5, seed });
    const { rationales } = await setOf('step-10');
    assert.equal(samplesOf(rationales).length, 4);
    assert.deepEqual(
      rationales.slice(4).map(({ id, record }) => [id, record.text]),
      [
        [first!.id, 'thought 5.0'],
        ['edited-1', 'my own words'],
        ['edited-2', 'other words'],
      ],
    );
    const drawn = { step: null, temperature: 0.7, beta: null, k: 3 };
    assert.deepEqual(rationales[4]!.keptFrom, drawn);
    for (const own of rationales.slice(5)) assert.deepEqual(own.editedFrom, { ...drawn, sample: 1, seed: 5 });
  });

  it("says which of the run's rationales an edited one began as", async () => {
    const [, , third] = (await setOf('step-9')).rationales;
    await jobs.scoreEdited(question, {
      ...(await under('step-9')),
      rationale: third!.id,
      text: 'my own',
      edited: 'edited-1',
    });
    const own = (await setOf('step-9')).rationales.at(-1)!;
    assert.deepEqual([own.id, own.scoredBy], ['edited-1', 'step-10']);
    const { step, sample, seed, k } = own.editedFrom!;
    assert.deepEqual({ step, sample, seed, k }, { step: 10, sample: 2, seed: 11, k: 4 });
  });

  it('says why a text was not scored, until another is sent', async () => {
    const { rowKey } = question.row;
    const [first] = (await setOf('step-9')).rationales;
    const edited = { ...(await under('step-9')), rationale: first!.id, text: 'my own words' };
    await jobs.scoreEdited(refused(), { ...edited, edited: 'edited-1' });
    assert.equal(jobs.unscored(rowKey)?.edited, 'edited-1');
    assert.equal(jobs.unscored(rowKey)?.failure?.reason, 'Line 1 lacks a question or an answer.');

    const cancelled = jobs.scoreEdited(question, { ...edited, edited: 'edited-2' });
    assert.equal(jobs.activity(rowKey)?.edited, 'edited-2');
    assert.equal(jobs.unscored(rowKey), null);
    jobs.cancel();
    await cancelled;
    assert.deepEqual(jobs.unscored(rowKey), { edited: 'edited-2', failure: null });

    const outrun = jobs.scoreEdited(question, { ...edited, edited: 'edited-3' });
    const elsewhere = { ...question, row: { ...question.row, rowKey: 'another-row' } };
    await Promise.all([outrun, jobs.sample(elsewhere, 'step-10', settings)]);
    assert.deepEqual(jobs.unscored(rowKey), { edited: 'edited-3', failure: null });
    assert.equal(jobs.unscored('another-row'), null);
    assert.equal((await setOf('step-9')).rationales.length, 4, 'none of them arrived');

    await jobs.scoreEdited(question, { ...edited, edited: 'edited-4' });
    assert.equal(jobs.unscored(rowKey), null);
    assert.equal((await setOf('step-9')).rationales.at(-1)?.id, 'edited-4');
  });

  it('says of a text whose weights are gone that they are, not that it was cancelled', async () => {
    const { rowKey } = question.row;
    const edited = { checkpoint: 'step-3', rationale: 'of old', text: 'my own words', edited: 'edited-1' };
    assert.equal(await jobs.scoreEdited(question, edited), false);
    assert.deepEqual(jobs.unscored(rowKey), { edited: 'edited-1', failure: null, gone: true });
    const before = await setOf('step-9');
    const ofRemoved = { ...question, run: 'a run that was removed' };
    assert.equal(await jobs.scoreEdited(ofRemoved, { ...edited, checkpoint: 'step-9', edited: 'edited-2' }), false);
    assert.deepEqual(jobs.unscored(rowKey), { edited: 'edited-2', failure: null, gone: true });
    assert.deepEqual(await setOf('step-9'), before, "nor is it scored by another run's weights of that name");
  });

  it('scores no text by other weights of the name, which a run that was rolled back and resumed has', async () => {
    const { rowKey } = question.row;
    const [{ directory }] = (await new RunStore(world, path.join(workspace, '.latro', 'runs')).list()).runs as [
      RunSummary,
    ];
    const run = new RunDirectory(files, directory);
    const rollouts = run.rolloutFile(9);
    const ofUpdate = new TextDecoder().decode(await files.read(run.rolloutFile(10)));
    await atomicWrite(files, rollouts, ofUpdate);
    const begun = await under('step-9');
    assert.notEqual(begun.weights, undefined);
    const edited = { rationale: (await setOf('step-9')).rationales[0]!.id, text: 'my own words' };
    // As a roll back leaves it: what came later is written anew as well.
    for (const [file, text] of [
      [rollouts, `${ofUpdate}\n`],
      [run.rolloutFile(10), ofUpdate],
    ] as const) {
      await atomicWrite(files, file, text);
    }
    const { checkpoint } = begun;
    const computed: string[] = [];
    const listening = engine.jobs.onChanged(({ kind }) => computed.push(kind));
    for (const [id, old] of Object.entries({ stamped: begun, 'of before it was kept': { checkpoint } })) {
      assert.equal(await jobs.scoreEdited(question, { ...old, ...edited, edited: id }), false);
      assert.deepEqual(jobs.unscored(rowKey), { edited: id, failure: null, gone: true });
    }
    assert.deepEqual(computed, [], 'what is known before is not computed');
    listening.dispose();
    // And while it is being scored: the engine has begun, and has not answered.
    const beginning = engine.jobs.onChanged(() => {
      beginning.dispose();
      for (const file of [rollouts, run.rolloutFile(10)]) {
        writeFileSync(`${file}.new`, `${ofUpdate}\n\n`);
        renameSync(`${file}.new`, file);
      }
    });
    assert.equal(await jobs.scoreEdited(question, { ...(await under('step-9')), ...edited, edited: 'late' }), false);
    assert.deepEqual(jobs.unscored(rowKey), { edited: 'late', failure: null, gone: true });
    assert.ok((await setOf('step-9')).rationales.every(({ origin }) => origin === 'run'));
    assert.equal(await jobs.scoreEdited(question, { ...(await under('step-9')), ...edited, edited: 'now' }), true);
  });

  it('scores a text by the weights that it names, which another run has the name of too', async () => {
    const ofModel = { ...question, run: null };
    await source.addSet(question, null, { ...(await setOf('base')), rationales: [] });
    const edited = { checkpoint: 'base', rationale: 'of old', text: 'my own words', edited: 'edited-1' };
    assert.equal(await jobs.scoreEdited(ofModel, edited), true);
    const own = (await (await source.known(ofModel)).set('base'))!;
    assert.deepEqual(
      own.rationales.map(({ id }) => id),
      ['edited-1'],
    );
    assert.ok((await setOf('base')).rationales.every(({ origin }) => origin === 'run'));
  });

  it('samples alike with exactly the weights that were named, or not at all', async () => {
    await jobs.sample(question, 'step-10', settings);
    const shown = await setOf('step-10');
    for (const gone of ['step-9', 'step-3'])
      assert.equal(await jobs.sampleAlike(question, gone, 'step-10', settings), 'not-kept');
    assert.equal(await jobs.sampleAlike(question, 'step-10', 'step-10', settings), 'nothing');
    assert.deepEqual(await setOf('step-10'), shown, 'what is shown stays as it was');
    const before = await setOf('base');
    assert.equal(await jobs.sampleAlike(question, 'base', 'step-10', { ...settings, seed: 9 }), 'sampled');
    assert.notDeepEqual(await setOf('base'), before);
    assert.equal((await setOf('base')).rationales[0]!.record.text, 'thought 5.0', 'with the seed of what is shown');
  });
});
