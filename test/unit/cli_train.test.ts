import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Arguments } from '../../src/cli/arguments.ts';
import { demoCommand, runDemo } from '../../src/cli/demo.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { systemClock } from '../../src/engine/common/clock.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { readDataset } from '../../src/engine/datasets/read_dataset.ts';
import { loadAdapter } from '../../src/engine/model/adapter.ts';
import { readModelConfig } from '../../src/engine/model/config.ts';
import { KeyValueCache } from '../../src/engine/model/kv_cache.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { Tokenizer } from '../../src/engine/model/tokenizer.ts';
import { loadWeights } from '../../src/engine/model/weights.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { ratingsFile } from '../../src/protocol/ratings.ts';
import { latro, latroOk, latroProgram, TextStream } from '../support/command_line.ts';
import { CPU_ALONE } from '../support/device_lists.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { tinyQuestions, writeTinyFolder } from '../support/tiny_folder.ts';
import { bindAdapter } from '../support/tiny_model.ts';

const CONFIG = {
  model: 'model',
  dataset: { train: 'train.jsonl', test: 'test.jsonl', format: 'starter', holdOutFraction: 0 },
  trainable: { kind: 'lora', rank: 2 },
  steps: 3,
  questionsPerStep: 2,
  sampling: { rationalesPerQuestion: 3, maxRationaleTokens: 10 },
  // Random weights never end a rationale; with this rule that is no reason to learn nothing.
  reward: { truncationRule: 'none', over: 'answer-and-template' },
  evaluation: { k: 2, maxTokens: 12 },
  checkpoints: { every: 1 },
  optimizer: { learningRate: 0.01 },
  threads: 1,
};

const files = new NodeFileSystem();

/** Asks to stop as soon as a file of this name is there. */
class StopAfter extends NodeFileSystem {
  readonly #name: string;
  readonly #controller: AbortController;

  constructor(name: string, controller: AbortController) {
    super();
    this.#name = name;
    this.#controller = controller;
  }

  override async rename(from: string, to: string): Promise<void> {
    await super.rename(from, to);
    if (basename(to) === this.#name) this.#controller.abort();
  }
}

describe('latro train', () => {
  const folder = temporaryFolder();
  const at = (...parts: string[]): string => join(folder.path, ...parts);
  const writeConfig = (name: string, changes: object = {}): Promise<void> =>
    writeFile(at(name), JSON.stringify({ ...CONFIG, ...changes }));
  /** The run directories of a folder of runs. */
  const runsIn = async (name: string): Promise<RunDirectory[]> =>
    (await readdir(at(name))).sort().map((id) => new RunDirectory(files, at(name, id)));

  before(async () => {
    await writeTinyFolder(at('model'));
    await writeFile(at('train.jsonl'), tinyQuestions(12));
    await writeFile(at('test.jsonl'), tinyQuestions(6, 50));
    await writeConfig('latro.json');
    await latroOk(['train', 'latro.json', '--out', 'runs'], { cwd: folder.path });
  });

  it('leaves a finished run and prints its before/after table with test and interval', async () => {
    const { stdout, stderr } = await latroOk(['train', 'latro.json', '--out', 'again'], { cwd: folder.path });
    const [run] = await runsIn('again');
    const record = await run!.record();
    assert.equal(record.status, 'finished');
    assert.equal(record.step, 3);
    assert.equal(record.config.outputDirectory, at('again'));
    assert.match(stdout.text, /6 test questions +base +step 3 +change/);
    assert.match(
      stdout.text,
      /Mean log p\(answer\) after its own rationale +−\d+\.\d\d +−\d+\.\d\d +[+−]\d+\.\d\d nats/,
    );
    assert.match(stdout.text, /95 % interval .* exact McNemar test p = /);
    assert.ok(stdout.text.endsWith(`Run directory: ${run!.path}\n`));
    assert.match(stderr.text, /Training: 3\/3 updates/);
    const { gain } = record;
    assert.notEqual(gain!.answerLogProbAfter, gain!.answerLogProbBefore, 'the run changed the model');
  });

  it('makes the same run again from the same config', async () => {
    const [[first], [second]] = [await runsIn('runs'), await runsIn('again')];
    for (const step of [1, 2, 3]) assert.deepEqual(await first!.rollouts(step), await second!.rollouts(step));
  });

  it('says nothing but the result when quiet', async () => {
    const { stderr, stdout } = await latroOk(['train', 'latro.json', '--out', 'quiet', '--quiet'], {
      cwd: folder.path,
    });
    assert.equal(stderr.text, '');
    assert.match(stdout.text, /Greedy accuracy/);
  });

  it('stops when asked to, saves, and goes on to the very run that was never stopped', async () => {
    const controller = new AbortController();
    const stopping = new StopAfter('step-000002.jsonl', controller);
    const { code, stderr } = await latro(['train', 'latro.json', '--out', 'stopped'], {
      cwd: folder.path,
      signal: controller.signal,
      files: stopping,
    });
    assert.equal(code, 130);
    assert.match(stderr.text, /Stopped after 2 updates\. Go on with: latro train --resume "/);
    const [run] = await runsIn('stopped');
    const stopped = await run!.record();
    assert.deepEqual([stopped.status, stopped.step], ['stopped', 2]);

    const resumed = await latroOk(['train', '--resume', run!.id, '--out', 'stopped'], { cwd: folder.path });
    assert.match(resumed.stdout.text, /Greedy accuracy/);
    const [whole] = await runsIn('runs');
    assert.equal((await run!.record()).status, 'finished');
    for (const step of [1, 2, 3]) assert.deepEqual(await run!.rollouts(step), await whole!.rollouts(step));
  });

  it('refuses to resume with another config, naming what differs', async () => {
    const [run] = await runsIn('runs');
    await writeConfig('other.json', { optimizer: { learningRate: 0.5 } });
    const { code, stderr } = await latro(['train', 'other.json', '--resume', run!.path], { cwd: folder.path });
    assert.equal(code, 1);
    assert.match(stderr.text, /optimizer\.learningRate = 0\.01, and now it is 0\.5/);
    const threads = await latro(['train', '--resume', run!.path, '--threads', '2'], { cwd: folder.path });
    assert.match(threads.stderr.text, /--threads cannot be changed/);
  });

  it('says which settings of another config it passes over, where they only round differently', async () => {
    const [run] = await runsIn('runs');
    const { tokenBudget } = (await run!.record()).config;
    await writeConfig('rounded.json', { tokenBudget: tokenBudget + 1 });
    const { stderr } = await latroOk(['train', 'rounded.json', '--resume', run!.path], { cwd: folder.path });
    const said = `goes on as it began, with tokenBudget = ${tokenBudget}; rounded.json has ${tokenBudget + 1}.`;
    assert.ok(stderr.text.includes(said), stderr.text);
  });

  it('rolls back to a checkpoint it is told, and becomes the same run again', async () => {
    await latroOk(['train', 'latro.json', '--out', 'rolled'], { cwd: folder.path });
    const [run] = await runsIn('rolled');
    const before = await runFingerprint(files, run!.path);
    const resume = ['train', '--resume', run!.path, '--checkpoint'];
    const { code, stderr } = await latro([...resume, '9'], { cwd: folder.path });
    assert.equal(code, 1);
    assert.match(stderr.text, /no whole checkpoint of step 9.*Roll back to one of: 1, 2, 3\./);
    assert.deepEqual(await runFingerprint(files, run!.path), before, 'a refusal changes nothing');
    await latroOk([...resume, '1'], { cwd: folder.path });
    assert.equal((await run!.record()).resumedFrom, 1);
    assert.deepEqual(await runFingerprint(files, run!.path), before);
    const without = await latro(['train', 'latro.json', '--checkpoint', '1'], { cwd: folder.path });
    assert.match(without.stderr.text, /Name it with --resume/);
  });

  it('refuses what cannot fit into memory before anything is loaded or written, with the numbers', async () => {
    await writeConfig('huge.json', { tokenBudget: 1_000_000_000 });
    const { code, stderr } = await latro(['train', 'huge.json', '--out', 'none'], { cwd: folder.path });
    assert.equal(code, 1);
    const numbers = /model needs \d+\.\d GB to \d+\.\d GB of memory \(at most: weights .*\), but \d+\.\d GB are free\./;
    assert.match(stderr.text, numbers);
    assert.ok(!existsSync(at('none')));
  });

  it('goes on without test questions, and says so', async () => {
    await writeConfig('plain.json', { dataset: { train: 'train.jsonl', format: 'starter', holdOutFraction: 0.25 } });
    const { stdout } = await latroOk(['train', 'plain.json', '--out', 'plain'], { cwd: folder.path });
    assert.match(stdout.text, /No before\/after table/);
    assert.match(stdout.text, /Kept: the weights after update \d/);
    const [run] = await runsIn('plain');
    const { code, stderr } = await latro(['compare', run!.path], { cwd: folder.path });
    assert.equal(code, 1);
    assert.match(stderr.text, /no finished evaluation of its test questions.*dataset\.test/);
  });

  describe('what a run leaves behind', () => {
    it('compare: pairs the questions, and its JSON adds up', async () => {
      const [run] = await runsIn('runs');
      const byId = await latroOk(['compare', run!.id, '--runs', 'runs', '--json', 'compare.json'], {
        cwd: folder.path,
      });
      const byPath = await latroOk(['compare', run!.path], { cwd: folder.path });
      assert.deepEqual(byId.stdout.lines, byPath.stdout.lines);
      const byFolder = await latroOk(['compare', 'runs'], { cwd: folder.path });
      assert.deepEqual(byFolder.stdout.lines, byPath.stdout.lines, 'its newest run');
      const json = JSON.parse(await readFile(at('compare.json'), 'utf8')) as Record<string, number> & {
        before: { greedyAccuracy: number };
        after: { greedyAccuracy: number };
        perQuestion: unknown[];
        interval: [number, number];
      };
      assert.equal(json.questions, 6);
      assert.equal(json.fixed! + json.broken! + json.sameRight! + json.sameWrong!, 6);
      assert.equal(json.perQuestion.length, 6);
      assert.equal(json.difference, json.after.greedyAccuracy - json.before.greedyAccuracy);
      assert.ok(json.interval[0] <= json.difference! && json.difference! <= json.interval[1]);
    });

    it('compare: a run with itself differs in nothing', async () => {
      const [run] = await runsIn('runs');
      const { stdout } = await latroOk(['compare', run!.path, run!.path], { cwd: folder.path });
      assert.match(stdout.text, /Greedy: 0 fixed, 0 broken/);
      assert.match(stdout.text, /after its own rationale.*±0\.00 nats/);
    });

    it('runs: lists it with its gain', async () => {
      const [run] = await runsIn('runs');
      const { stdout } = await latroOk(['runs', '--runs', 'runs'], { cwd: folder.path });
      assert.equal(stdout.lines.length, 2);
      assert.match(stdout.lines[1]!, new RegExp(`^${run!.id} +finished +3/3 +\\d+\\.\\d % → `));
    });

    it('export: the merged model is base and adapter, and loads as any model', async () => {
      const [run] = await runsIn('runs');
      const exported = await latroOk(['export', run!.id, '--runs', 'runs', '--to', 'adapter', '--out', 'adapter'], {
        cwd: folder.path,
      });
      assert.deepEqual(exported.stdout.lines, [at('adapter')]);
      await latroOk(['export', run!.id, '--runs', 'runs', '--to', 'merged', '--out', 'merged'], { cwd: folder.path });

      const config = await readModelConfig(at('merged'));
      const adapter = bindAdapter(await loadAdapter(at('adapter')));
      const options = { device: 'cpu', threads: 1 } as const;
      const withAdapter = new LanguageModel(
        config,
        await loadWeights(at('model'), config),
        adapter,
        'nothing',
        options,
      );
      const merged = new LanguageModel(config, await loadWeights(at('merged'), config), null, 'nothing', options);
      const bare = new LanguageModel(config, await loadWeights(at('model'), config), null, 'nothing', options);
      const ids = (await Tokenizer.load(at('merged'))).encode('How many apples are there?', {
        addSpecialTokens: false,
      });
      const logits = (model: LanguageModel): Promise<Float32Array> =>
        model.extend(new KeyValueCache(config, 1), [ids], ids.length);
      const [a, b, c] = [await logits(withAdapter), await logits(merged), await logits(bare)];
      const furthest = (x: Float32Array, y: Float32Array): number =>
        x.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i]!)), 0);
      assert.ok(furthest(a, b) < 1e-5, `${furthest(a, b)}`);
      assert.ok(furthest(b, c) > 1e-3, 'the adapter does something');
      for (const model of [withAdapter, merged, bare]) await model.dispose();

      const rows = ['--rows', 'score.jsonl', '--threads', '1'];
      await writeFile(at('score.jsonl'), JSON.stringify({ ids }));
      const scored = await Promise.all(
        [
          ['--model', 'merged'],
          ['--model', 'model', '--adapter', 'adapter'],
        ].map((which) => latroOk(['score', ...which, ...rows], { cwd: folder.path })),
      );
      const [left, right] = scored.map(({ stdout }) => (JSON.parse(stdout.text) as { sum: number }).sum);
      assert.ok(Math.abs(left! - right!) < 1e-4);
    });

    it('export: writes over nothing', async () => {
      const [run] = await runsIn('runs');
      const before = await readdir(at('model'));
      const { code, stderr } = await latro(['export', run!.path, '--to', 'merged', '--out', 'model'], {
        cwd: folder.path,
      });
      assert.equal(code, 1);
      assert.match(stderr.text, /not empty.*Choose a new folder/);
      assert.deepEqual(await readdir(at('model')), before);
      const missing = await latro(['export', run!.path, '--to', 'adapter', '--out', 'new', '--checkpoint', '77'], {
        cwd: folder.path,
      });
      assert.match(missing.stderr.text, /no whole checkpoint of update 77.*3/);
      assert.ok(!(await readdir(folder.path)).includes('new'));
    });
  });

  it('trains every weight, and exports the model that came of it', async () => {
    await writeConfig('full.json', { trainable: { kind: 'full' }, steps: 2, optimizer: { learningRate: 0.001 } });
    await latroOk(['train', 'full.json', '--out', 'full'], { cwd: folder.path });
    const [run] = await runsIn('full');
    const { stderr } = await latro(['export', run!.path, '--to', 'adapter'], { cwd: folder.path });
    assert.match(stderr.text, /no adapter.*merged/);
    await latroOk(['export', run!.path, '--to', 'merged', '--out', 'whole'], { cwd: folder.path });
    const evaluated = async (model: string): Promise<number> => {
      const argv = ['eval', '--model', model, '--dataset', 'test.jsonl', '--max-tokens', '12', '--json', 'e.json'];
      await latroOk([...argv, '--threads', '1'], { cwd: folder.path });
      return (JSON.parse(await readFile(at('e.json'), 'utf8')) as { meanAnswerLogProbGreedy: number })
        .meanAnswerLogProbGreedy;
    };
    const { gain } = await run!.record();
    assert.ok(Math.abs((await evaluated('whole')) - gain!.answerLogProbAfter) < 1e-3);
    assert.ok(Math.abs((await evaluated('model')) - gain!.answerLogProbBefore) < 1e-3);
  });

  it('says how many ratings it uses', async () => {
    await writeConfig('rated.json', { ratings: { rewardBonus: 1 } });
    const { rows } = await readDataset(at('train.jsonl'), { format: 'starter' });
    const time = '2026-11-21T22:00:00.000Z';
    const ratings = [
      { rowKey: rows[0]!.rowKey, rationale: 'add both', verdict: 'useful', note: '', time },
      { rowKey: rows[1]!.rowKey, rationale: 'guess', verdict: 'wrong', note: '', time },
      { rowKey: '0000000000000000', rationale: 'of a row that is gone', verdict: 'useful', note: '', time },
    ];
    await writeFile(ratingsFile(at('train.jsonl')), JSON.stringify({ version: 1, ratings }));
    try {
      const { stderr } = await latroOk(['train', 'rated.json', '--out', 'rated'], { cwd: folder.path });
      const said = stderr.lines.filter((line) => line.startsWith('Ratings in use'));
      assert.deepEqual(said, ['Ratings in use: 1 approved and learned, 2 that change a reward, 1 of other rows.']);
    } finally {
      await rm(ratingsFile(at('train.jsonl')));
    }
  });

  it('warns of test questions that it trains on, once', async () => {
    const lines = (await readFile(at('train.jsonl'), 'utf8')).split('\n');
    await writeFile(at('seen.jsonl'), `${lines.slice(0, 2).join('\n')}\n`);
    await writeConfig('leak.json', { dataset: { ...CONFIG.dataset, test: 'seen.jsonl' }, steps: 2 });
    const { stderr } = await latroOk(['train', 'leak.json', '--out', 'leak'], { cwd: folder.path });
    const said = stderr.lines.filter((line) => line.includes('trained on'));
    assert.equal(said.length, 1);
    assert.match(said[0]!, /^2 of 2 test questions are also trained on \(the first: line 1, trained on as line 1\)/);
  });

  it('an export into a folder that may not be written says so, and what to do', async function () {
    // A folder in which nobody may make anything, whoever runs this.
    if (process.platform !== 'linux') this.skip();
    const argv = ['export', at('leak'), '--to', 'adapter', '--out', '/sys/latro-export'];
    const { code, stderr } = await latro(argv, { cwd: folder.path });
    assert.equal(code, 1);
    assert.match(stderr.text, /^latro: \/sys\/latro-export may not be written\. Give this account the right/);
  });

  it('latro demo shows one question with its rationales before and after', async () => {
    await writeConfig('demo.json');
    const [stdout, stderr] = [new TextStream(), new TextStream()];
    await runDemo(at('demo.json'), Arguments.parse(demoCommand, ['--out', at('demo')]), {
      terminal: new Terminal({ stdout, stderr, env: {}, clock: systemClock }),
      world: { files, clock: systemClock, processes: systemProcesses },
      devices: CPU_ALONE,
      signal: new AbortController().signal,
      program: latroProgram(),
      cwd: folder.path,
      env: {},
    });
    assert.match(stdout.text, /Greedy accuracy/);
    assert.match(stdout.text, /Right answer: \d+/);
    assert.match(stdout.text, /Before: 3 sampled rationales/);
    assert.match(stdout.text, /After 3 updates: 3 sampled rationales/);
    assert.equal(stdout.text.match(/−\d+\.\d\d nats \( +\d\.\d %\)/g)?.length, 6);
    const [run] = await runsIn('demo');
    assert.ok(stdout.text.includes(run!.path));
  });
});
