import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { atomicWrite, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import {
  chooseComparison,
  previousCheckpoint,
  settingsAlike,
  stagesOf,
} from '../../src/extension/rationales/before_after.ts';
import { PanelChoices } from '../../src/extension/rationales/panel_choices.ts';
import { RatingStore } from '../../src/extension/rationales/rating_store.ts';
import {
  beganAs,
  checkpointOptions,
  chooseCurrent,
  setOfRollout,
  setOfSamples,
  weightsAtHand,
  withEdited,
  withMarks,
} from '../../src/extension/rationales/rationale_sets.ts';
import { RolloutIndex } from '../../src/extension/runs/rollout_index.ts';
import { ratingsFile } from '../../src/protocol/ratings.ts';
import { drawOf, samplesOf } from '../../src/protocol/rationale_draw.ts';
import { QuestionRollout } from '../../src/protocol/records.ts';
import { TinyEngineService } from '../support/tiny_engine_service.ts';

const service = new TinyEngineService(1);
const context = {
  jobId: 'j',
  signal: new AbortController().signal,
  progress: () => {},
  onEvent: () => {},
  letInteractiveRun: async () => {},
  pauseIfAsked: async () => false,
};

async function rolloutOf(step: number, rowKey: string, seed = 1): Promise<QuestionRollout> {
  const row = {
    dataset: '/d',
    format: 'auto',
    line: 1,
    row: `{"question":"${rowKey} {\\"step\\":1,\\"rowKey\\":\\"x\\"}","answer":"4"}`,
  } as const;
  const weights = { kind: 'model', model: 'm', adapter: null } as const;
  const rollout = await service.sampleQuestion(
    { jobId: 'j', weights, row, k: 3, temperature: 1, maxTokens: null, seed },
    context,
  );
  return { ...rollout, step, rowKey };
}

const settings = { runId: 'r', temperature: 1, beta: 0.05 };

describe('sets of rationales', () => {
  it('names the weights that sampled a rollout: those before its update', async () => {
    assert.equal(setOfRollout(await rolloutOf(1, 'a'), settings).checkpoint, 'base');
    assert.equal(setOfRollout(await rolloutOf(7, 'a'), settings).checkpoint, 'step-6');
  });

  it('asks the nearest weights that are on disk for those that are not, and says which', async () => {
    assert.equal(weightsAtHand('step-11', [4, 8, 12]), 'step-12');
    assert.equal(weightsAtHand('step-10', [8, 12]), 'step-12', 'the later of two');
    assert.equal(weightsAtHand('step-8', [4, 8, 12]), 'step-8');
    assert.equal(weightsAtHand('base', [4]), 'base');
    assert.equal(weightsAtHand('step-3', []), 'base');
    const set = setOfRollout(await rolloutOf(12, 'a'), settings);
    const [first] = set.rationales;
    const scored = (id: string, by: string) => ({ id, record: first!.record, by, editedFrom: undefined });
    const edited = withEdited(set, scored('edited-1', 'step-12')).rationales.at(-1);
    assert.deepEqual([edited?.origin, edited?.scoredBy], ['edited', 'step-12']);
    assert.equal(withEdited(set, scored('edited-2', 'step-11')).rationales.at(-1)?.scoredBy, undefined);
    const trace = { scores: [{ tokens: 0, logProb: -1 }], by: 'step-12' };
    const traces = new Map([[`${set.checkpoint} ${first!.id}`, trace]]);
    const marked = withMarks(set, { pinned: new Set(), ratings: new Map(), traces }).rationales[0];
    assert.deepEqual([marked?.prefixScores, marked?.tracedBy], [trace.scores, 'step-12']);
  });

  it('shows the newest weights against the base, unless something else was chosen and is there', async () => {
    const sets = new Map(
      await Promise.all(
        [1, 5, 12].map(async (step) => {
          const set = setOfRollout(await rolloutOf(step, 'a'), settings);
          return [set.checkpoint, set] as const;
        }),
      ),
    );
    assert.equal(chooseCurrent(sets, undefined), 'step-11');
    assert.equal(chooseCurrent(sets, 'step-4'), 'step-4');
    assert.equal(chooseCurrent(sets, 'step-9'), 'step-11');
    assert.equal(chooseCurrent(new Map(), undefined), undefined);
    const options = checkpointOptions(sets, [10, 20]);
    assert.equal(chooseComparison(sets, options, 'step-11', undefined), 'base');
    assert.equal(chooseComparison(sets, options, 'base', undefined), undefined);
    assert.equal(chooseComparison(sets, options, 'step-11', null), undefined);
    assert.equal(chooseComparison(sets, options, 'step-11', 'step-4'), 'step-4');
    const [, ...withoutBase] = sets;
    const later = new Map(withoutBase);
    assert.equal(
      chooseComparison(later, checkpointOptions(later, []), 'step-11', undefined),
      'step-4',
      'no base: the one before',
    );
    assert.deepEqual(
      checkpointOptions(sets, [10, 20]).map(({ name, sampled, canSample }) => [name, sampled, canSample]),
      [
        ['base', true, true],
        ['step-4', true, false],
        ['step-10', false, true],
        ['step-11', true, false],
        ['step-20', false, true],
      ],
    );
  });

  it('keeps pinned and edited rationales apart from the sample, with ids of their own', async () => {
    const first = setOfSamples(await rolloutOf(0, 'a', 1), 'base', 1, undefined);
    const [pinned] = first.rationales;
    const marks = { pinned: new Set([pinned!.id]), ratings: new Map(), traces: new Map() };
    const marked = withMarks(first, marks);
    const second = setOfSamples(await rolloutOf(0, 'a', 2), 'base', 0.5, marked);
    assert.equal(second.rationales.length, 4);
    const kept = second.rationales[3];
    assert.equal(kept?.id, pinned?.id);
    assert.deepEqual([kept?.seed, kept?.keptFrom], [1, { step: null, temperature: 1, beta: null, k: 3 }]);
    assert.equal(samplesOf(second.rationales).length, 3, 'it is none of the new sample');
    const fresh = second.rationales.slice(0, 3).map(({ record }) => record.reward);
    const [base, current] = stagesOf(
      new Map([
        ['base', second],
        ['step-4', { ...second, checkpoint: 'step-4' }],
      ]),
      checkpointOptions(new Map([['step-4', second]]), []),
      [],
      'step-4',
    );
    for (const stage of [base, current]) {
      assert.equal(stage?.figures?.k, 3);
      assert.ok(Math.abs(stage!.figures!.meanReward - fresh.reduce((a, b) => a + b) / 3) < 1e-12, 'nor of its mean');
    }
    const third = setOfSamples(await rolloutOf(0, 'a', 3), 'base', 1, withMarks(second, marks));
    assert.deepEqual(third.rationales[3]?.keptFrom, kept?.keptFrom, 'its provenance stays through further samples');
    const edited = withEdited(second, {
      id: 'edited-1',
      record: pinned!.record,
      by: second.checkpoint,
      editedFrom: beganAs(second, kept!),
    });
    const ids = edited.rationales.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    const own = edited.rationales.at(-1)!;
    assert.deepEqual([own.origin, own.editedFrom], ['edited', { ...kept!.keptFrom, sample: 0, seed: 1 }]);
    assert.deepEqual(beganAs(edited, own), own.editedFrom, 'edited again, it still began as that');
    const fourth = setOfSamples(
      await rolloutOf(0, 'a', 4),
      'base',
      1,
      withMarks(edited, { ...marks, pinned: new Set() }),
    );
    assert.deepEqual(
      fourth.rationales.slice(3).map(({ id }) => id),
      ['edited-1'],
      'unpinned, but written by a person',
    );
    assert.deepEqual(fourth.rationales[3]?.editedFrom, own.editedFrom);
  });
});

describe('before and after', () => {
  it('are the base, the newest known weights before those shown, and those shown', async () => {
    const sets = new Map(
      await Promise.all(
        [1, 41].map(async (step) => {
          const set = setOfRollout(await rolloutOf(step, 'a'), settings);
          return [set.checkpoint, set] as const;
        }),
      ),
    );
    const options = checkpointOptions(sets, [20, 30]);
    assert.equal(previousCheckpoint(options, 'step-40'), 'step-30');
    assert.equal(previousCheckpoint(options, 'step-20'), undefined, 'the base is no previous checkpoint');
    const stages = stagesOf(sets, options, [20, 30], 'step-40');
    assert.deepEqual(
      stages.map(({ role, checkpoint, figures, canSample }) => [role, checkpoint, figures?.alike, canSample]),
      [
        ['base', 'base', false, true], // drawn with the random numbers of update 1
        ['previous', 'step-30', undefined, true],
        ['current', 'step-40', true, false], // no longer on disk
      ],
    );
    const records = sets.get('base')!.rationales.map(({ record }) => record);
    const best = records.toSorted((a, b) => b.reward - a.reward)[0]!;
    assert.equal(stages[0]?.figures?.best.text, best.text);
    assert.equal(stages[0]?.figures?.right, records.filter(({ correct }) => correct).length);
    assert.deepEqual(stagesOf(sets, options, [20, 30], 'base'), [], 'nothing to compare the base with');
  });

  it('ask other weights for the K, temperature, seed and random numbers of what is shown', async () => {
    const defaults = { k: 8, temperature: 1, seed: 0 };
    const shown = setOfRollout(await rolloutOf(41, 'a', 7), { ...settings, temperature: 0.7 });
    const asked = settingsAlike(shown, defaults);
    assert.deepEqual(asked, { k: 3, temperature: 0.7, seed: 7, randomStep: 41 });
    assert.deepEqual(settingsAlike(undefined, defaults), defaults);
    const reply = { ...(await rolloutOf(asked.randomStep!, 'a', asked.seed)) };
    const compared = setOfSamples(reply, 'step-30', asked.temperature, undefined);
    const sets = new Map([
      ['step-40', shown],
      ['step-30', compared],
    ]);
    const stages = stagesOf(sets, checkpointOptions(sets, [30]), [30], 'step-40');
    assert.equal(stages.find(({ role }) => role === 'previous')?.figures?.alike, true);
    assert.deepEqual(drawOf(compared), drawOf(shown));
  });

  it('have ids of their own under each of the weights, also where they were drawn alike: a rating finds its text', async () => {
    const reply = await rolloutOf(4, 'a', 7);
    const weights = ['base', 'step-3', 'step-30'];
    const ids = weights.flatMap((each) => setOfSamples(reply, each, 0.7, undefined).rationales.map(({ id }) => id));
    assert.equal(new Set(ids).size, 3 * reply.rationales.length);
  });
});

describe('choices in the side panel', () => {
  const memento = () => {
    const values = new Map<string, unknown>();
    return {
      get: <T>(key: string, fallback: T) => (values.has(key) ? (values.get(key) as T) : fallback),
      update: async (key: string, value: unknown) => void values.set(key, JSON.parse(JSON.stringify(value))),
    };
  };

  it('outlive the window, by row and run', async () => {
    const kept = memento();
    await new PanelChoices(kept).choose('row', 'run-1', { checkpoint: 'step-4' });
    await new PanelChoices(kept).choose('row', 'run-1', { comparison: null });
    await new PanelChoices(kept).pin('row', 'a', true);
    const after = new PanelChoices(kept);
    assert.deepEqual(after.of('row', 'run-1'), { rowKey: 'row', run: 'run-1', checkpoint: 'step-4', comparison: null });
    assert.deepEqual(after.of('row', 'run-2'), { rowKey: 'row', run: 'run-2' }, 'other weights by the same names');
    assert.deepEqual(after.pins('row'), ['a']);
    await after.pin('row', 'a', false);
    assert.deepEqual(after.pins('row'), []);
  });

  it('are bounded but for pins, and a state of another version is none', async () => {
    const kept = memento();
    const choices = new PanelChoices(kept);
    for (let i = 0; i < 250; i++) {
      await choices.choose(`row-${i}`, null, { checkpoint: 'base' });
      await choices.pin(`row-${i}`, 'a', true);
    }
    assert.deepEqual(
      [choices.of('row-49', null).checkpoint, choices.of('row-50', null).checkpoint],
      [undefined, 'base'],
    );
    assert.deepEqual([choices.pins('row-0'), choices.pins('row-249')], [['a'], ['a']]);
    await choices.pin('row-0', 'a', false);
    assert.deepEqual(choices.pins('row-0'), []);
    await kept.update('latro.rationaleChoices', { old: true });
    assert.equal(choices.of('row-249', null).checkpoint, undefined);
  });
});

describe('files beside runs and datasets', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'latro-x-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("finds a question's rollouts among many, through rewriting and rolling back", async () => {
    const directory = new RunDirectory(new NodeFileSystem(), folder);
    await mkdir(directory.rolloutsFolder);
    const write = async (step: number, keys: string[]) => {
      const rollouts = await Promise.all(keys.map((key) => rolloutOf(step, key)));
      const text = rollouts.map((rollout) => `${JSON.stringify(rollout)}\n`).join('');
      await atomicWrite(new NodeFileSystem(), directory.rolloutFile(step), text); // as the engine does
      return rollouts;
    };
    const index = new RolloutIndex(directory);
    const find = async (key: string) => {
      const steps = await index.steps(key);
      return await Promise.all(steps.map((step) => index.read(key, step, QuestionRollout)));
    };
    assert.deepEqual(await find('k1'), []);
    const many = Array.from({ length: 3000 }, (_, i) => `k${i}`); // more than one chunk of the reader
    const [first, second] = [await write(1, many), await write(2, ['k7', 'k1'])];
    for (const key of ['k0', 'k1', 'k1500', 'k2999']) {
      const expected = [first, second].flatMap((rollouts) => rollouts.filter(({ rowKey }) => rowKey === key));
      assert.deepEqual(await find(key), expected);
    }
    await rm(directory.rolloutFile(2));
    assert.equal((await find('k7')).length, 1);
    await write(1, ['k7']);
    assert.deepEqual(await find('k1'), []);
  });

  it('keeps a rating with its rationale, and takes away an empty one', async () => {
    const dataset = path.join(folder, 'train.jsonl');
    const store = new RatingStore(new NodeFileSystem(), () => '2026-11-21T00:00:00.000Z');
    await Promise.all([
      store.rate(dataset, 'k1', 'a thought', { verdict: 'useful', note: '' }),
      store.rate(dataset, 'k1', 'another', { verdict: 'wrong', note: 'forgot the nine' }),
      store.rate(dataset, 'k2', 'a thought', { verdict: 'leaks', note: '' }),
    ]);
    await store.rate(dataset, 'k1', 'a thought', { verdict: null, note: '' });
    assert.deepEqual(
      [...(await store.ofRow(dataset, 'k1'))],
      [['another', { verdict: 'wrong', note: 'forgot the nine' }]],
    );
    assert.equal((await store.ofRow(dataset, 'k2')).size, 1);
    const file = JSON.parse(await readFile(ratingsFile(dataset), 'utf8')) as { ratings: unknown[] };
    assert.equal(file.ratings.length, 2);
  });

  it('changes of a rating only what is said, whatever was stored meanwhile', async () => {
    const dataset = path.join(folder, 'train.jsonl');
    const [panel, otherWindow] = [0, 1].map(() => new RatingStore(new NodeFileSystem(), () => ''));
    await panel!.rate(dataset, 'k', 'z', { verdict: 'useful', note: 'A' });
    await otherWindow!.rate(dataset, 'k', 'z', { note: 'B' });
    await panel!.rate(dataset, 'k', 'z', { verdict: 'wrong' });
    assert.deepEqual([...(await panel!.ofRow(dataset, 'k'))], [['z', { verdict: 'wrong', note: 'B' }]]);
    await panel!.rate(dataset, 'k', 'z', { verdict: null });
    assert.deepEqual([...(await panel!.ofRow(dataset, 'k'))], [['z', { verdict: null, note: 'B' }]]);
    await panel!.rate(dataset, 'k', 'z', { note: '' });
    assert.equal((await panel!.ofRow(dataset, 'k')).size, 0);
  });

  it('names a ratings file that cannot be read instead of losing it', async () => {
    const dataset = path.join(folder, 'train.jsonl');
    await writeFile(ratingsFile(dataset), '{"version":1,"ratings":[{}]}');
    const store = new RatingStore(new NodeFileSystem(), () => '');
    const rate = store.rate(dataset, 'k', 'z', { verdict: 'useful', note: '' });
    await assert.rejects(rate, { code: 'dataset-format', message: /train\.jsonl\.ratings\.json/ });
    assert.equal(await readFile(ratingsFile(dataset), 'utf8'), '{"version":1,"ratings":[{}]}');
  });
});
