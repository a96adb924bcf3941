/** Evaluation sets as VS Code's tests, with the engine that ships: what is run, what a failed question shows, and a run that is stopped. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { CommandServices } from '../../src/extension/commands/services.ts';
import { EngineSupervisor } from '../../src/extension/engine/engine_supervisor.ts';
import { JobRunner } from '../../src/extension/engine/job_runner.ts';
import { DatasetResults } from '../../src/extension/inline/dataset_results.ts';
import { Reporter } from '../../src/extension/reporter.ts';
import { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import { Settings } from '../../src/extension/settings.ts';
import { EvaluationTests } from '../../src/extension/testing/evaluation_tests.ts';
import type { EvaluationRow, EvaluationSummary } from '../../src/protocol/records.ts';
import { eventually } from '../support/eventually.ts';
import { endEngine, extension, workspace } from './studio.ts';

const STEPS = 2;
/** No model of this size answers so. */
const NEVER = '123456789';
const LONG_ROWS = 400;

/** What a test run was told, in order. */
interface Told {
  readonly name: string | undefined;
  readonly started: vscode.TestItem[];
  readonly passed: vscode.TestItem[];
  readonly failed: { readonly item: vscode.TestItem; readonly message: vscode.TestMessage }[];
  readonly skipped: vscode.TestItem[];
  readonly errored: vscode.TestItem[];
  output: string;
  ended: boolean;
}

interface Heard {
  readonly controller: vscode.TestController;
  readonly runs: Told[];
  readonly profiles: vscode.TestRunProfile[];
}

/** A controller of VS Code; what its runs are told is told on and remembered. */
function listened(real: vscode.TestController): Heard {
  const runs: Told[] = [];
  const profiles: vscode.TestRunProfile[] = [];
  const createTestRun: vscode.TestController['createTestRun'] = (request, name, persist) => {
    const run = real.createTestRun(request, name, persist);
    const nothing = { started: [], passed: [], failed: [], skipped: [], errored: [] };
    const told: Told = { name, ...nothing, output: '', ended: false };
    runs.push(told);
    const heard: Partial<vscode.TestRun> = {
      started(item) {
        told.started.push(item);
        run.started(item);
      },
      passed(item) {
        told.passed.push(item);
        run.passed(item);
      },
      skipped(item) {
        told.skipped.push(item);
        run.skipped(item);
      },
      errored(item, message) {
        told.errored.push(item);
        run.errored(item, message);
      },
      failed(item, message) {
        for (const each of [message].flat()) told.failed.push({ item, message: each });
        run.failed(item, message);
      },
      appendOutput(text, location, item) {
        told.output += text;
        run.appendOutput(text, location, item);
      },
      end() {
        told.ended = true;
        run.end();
      },
    };
    return Object.create(run, Object.getOwnPropertyDescriptors(heard));
  };
  const createRunProfile: vscode.TestController['createRunProfile'] = (...args) => {
    const profile = real.createRunProfile(...args);
    profiles.push(profile);
    return profile;
  };
  const own = { createTestRun: { value: createTestRun }, createRunProfile: { value: createRunProfile } };
  return { controller: Object.create(real, own), runs, profiles };
}

describe('evaluation sets', () => {
  const evaluations = () => path.join(workspace(), '.latro', 'evaluations');
  const list = (folder: string) => (existsSync(folder) ? readdirSync(folder).sort() : []);
  const json = <T>(file: string) => JSON.parse(readFileSync(file, 'utf8')) as T;
  const testFile = () => path.join(workspace(), 'test.jsonl');
  const disposables: vscode.Disposable[] = [];
  let run: { id: string; directory: string };
  let services: CommandServices;
  let controller: vscode.TestController;
  let heard: Heard;

  const summariesOf = (folder: string): EvaluationSummary[] =>
    list(folder).flatMap((name) => (name.endsWith('.json') ? [json<EvaluationSummary>(path.join(folder, name))] : []));
  const set = (name: string) => eventually(() => controller.items.get(path.join(workspace(), name)));
  /** As VS Code does when a person presses run beside `item`, with the profile of that place in its menu. */
  const press = async (
    profile: number,
    items: vscode.TestItem | readonly vscode.TestItem[],
    token?: vscode.CancellationToken,
  ): Promise<Told> => {
    const { runHandler } = heard.profiles[profile]!;
    const before = heard.runs.length;
    const source = new vscode.CancellationTokenSource();
    await runHandler(new vscode.TestRunRequest([items].flat()), token ?? source.token);
    const told = heard.runs.slice(before).find(({ name }) => name === undefined);
    assert.ok(told !== undefined, 'there was a test run');
    return told;
  };
  const rowsOf = (file: string) =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as EvaluationRow);

  /** Every question passed or failed as the engine judged it, and a failure shows both answers at its line. */
  const assertShows = (told: Told, rows: readonly EvaluationRow[]) => {
    const lineOf = ({ description }: vscode.TestItem) => Number(/\d+/.exec(description ?? '')?.[0]);
    const lines = (wanted: (row: EvaluationRow) => boolean) => rows.filter(wanted).map(({ line }) => line);
    assert.deepEqual(
      told.passed.map(lineOf),
      lines(({ greedy }) => greedy.correct),
    );
    assert.deepEqual(
      told.failed.map(({ item }) => lineOf(item)),
      lines(({ greedy }) => !greedy.correct),
    );
    assert.equal(told.started.length, rows.length);
    assert.deepEqual([told.errored, told.skipped, told.ended], [[], [], true]);
    for (const { item, message } of told.failed) {
      const { goldAnswer, greedy, line } = rows.find((row) => row.line === lineOf(item))!;
      assert.equal(message.expectedOutput, goldAnswer);
      assert.equal(message.actualOutput, greedy.extractedAnswer ?? greedy.text.trim());
      const title = greedy.extractedAnswer === null ? 'No answer was found in the text.' : 'The answer is wrong.';
      assert.equal(message.message, title);
      assert.equal(message.location?.range.start.line, line - 1);
      assert.equal(message.location?.uri.fsPath, item.uri?.fsPath);
    }
  };

  before(async () => {
    appendFileSync(testFile(), `${JSON.stringify({ question: 'Which number is meant?', answer: NEVER })}\n`);
    await vscode.workspace.getConfiguration('latro').update('model', 'model', vscode.ConfigurationTarget.Workspace);
    await extension().activate();
    await vscode.commands.executeCommand('latro.trainOnDataset', vscode.Uri.file(path.join(workspace(), 'latro.json')));
    const runsFolder = path.join(workspace(), '.latro', 'runs');
    const [id, ...more] = list(runsFolder);
    assert.deepEqual(more, []);
    run = { id: id!, directory: path.join(runsFolder, id!) };
  });
  after(async () => {
    for (const each of disposables) each.dispose();
    await endEngine();
  });

  it('are run by the command of VS Code, with the newest checkpoint', async () => {
    const folder = path.join(run.directory, 'evaluations');
    const before = list(folder);
    // Sets are looked for when the view asks for them.
    await vscode.commands.executeCommand('testing.refreshTests');
    await eventually(async () => {
      await vscode.commands.executeCommand('testing.runAll');
      return summariesOf(folder).length > before.filter((name) => name.endsWith('.json')).length;
    });
    const [name] = list(folder).filter((each) => !before.includes(each) && each.endsWith('.json'));
    const { checkpoint, dataset, questions } = json<EvaluationSummary>(path.join(folder, name!));
    assert.deepEqual([checkpoint, dataset, questions], [`step-${STEPS}`, testFile(), 4]);
  });

  describe('from the inside', () => {
    before(async () => {
      heard = listened(vscode.tests.createTestController('latro.evaluations.test', 'test'));
      ({ controller } = heard);
      const log = vscode.window.createOutputChannel('Test of evaluation sets', { log: true });
      const { version } = extension().packageJSON as { version: string };
      const entry = path.join(extension().extensionPath, 'dist', 'engine.cjs');
      const engine = new EngineSupervisor({ workspace: workspace(), entry, version, log });
      const runs = new RunsWatcher(workspace(), log);
      const settings = new Settings(vscode.workspace.workspaceFolders![0], extension().extensionPath);
      const reporter = new Reporter(log);
      services = { workspace: workspace(), settings, runs, engine, jobs: new JobRunner(engine), reporter };
      const results = new DatasetResults(runs, evaluations(), log);
      disposables.push(new EvaluationTests(services, results, controller), results, runs, engine, log);
      await runs.start();
      await controller.resolveHandler?.(undefined);
    });

    it('stand in the list, and only whole ones can be run', async () => {
      const item = await set('test.jsonl');
      assert.equal(item.label, 'test.jsonl');
      assert.deepEqual(
        heard.profiles.map(({ label, isDefault, tag }) => [label, isDefault, tag?.id]),
        [
          ['Evaluate the newest checkpoint', true, 'latro.set'],
          ['Evaluate the chosen model', false, 'latro.set'],
        ],
      );
      assert.deepEqual(
        item.tags.map(({ id }) => id),
        ['latro.set'],
      );
    });

    it('what is on disk already is shown without running anything', async () => {
      const told = await eventually(() => heard.runs.find(({ name, ended }) => ended && name?.includes('test')));
      const names = list(path.join(run.directory, 'evaluations')).filter((name) => name.endsWith('.jsonl'));
      const shown = names.find((name) => told.output.startsWith(`${name.replace(/\.jsonl$/, '')}: `))!;
      assertShows(told, rowsOf(path.join(run.directory, 'evaluations', shown)));
    });

    it('are run with the newest checkpoint of the run that reads them; a failure shows expected and actual answer', async () => {
      const folder = path.join(run.directory, 'evaluations');
      const before = list(folder);
      // Names end with the second they were made in.
      await eventually(() => Date.now() % 1000 < 50);
      const told = await press(0, await set('test.jsonl'));
      const [file, ...more] = list(folder).filter((name) => !before.includes(name) && name.endsWith('.jsonl'));
      assert.deepEqual(more, []);
      const rows = rowsOf(path.join(folder, file!));
      assertShows(told, rows);
      const last = told.failed.find(({ message }) => message.expectedOutput === NEVER);
      assert.ok(last?.message.actualOutput !== undefined, 'a diff, not a sentence');
      const right = rows.filter(({ greedy }) => greedy.correct).length;
      const share = `step-${STEPS}: ${(25 * right).toFixed(1)} % of 4 questions right`;
      assert.equal((await set('test.jsonl')).description, share);
      assert.ok(told.output.includes(share), told.output);
    });

    it('are run with the chosen model, whatever runs there are', async () => {
      const document = await vscode.workspace.openTextDocument(testFile());
      const edit = new vscode.WorkspaceEdit();
      edit.insert(document.uri, document.positionAt(document.getText().length), '\n');
      await vscode.workspace.applyEdit(edit);
      const told = await press(1, await set('test.jsonl'));
      assert.ok(!document.isDirty, 'what is typed is saved first');
      const [file, ...more] = list(evaluations()).filter((name) => name.endsWith('.jsonl'));
      assert.deepEqual(more, []);
      assertShows(told, rowsOf(path.join(evaluations(), file!)));
      const { settings, checkpoint } = summariesOf(evaluations())[0]!;
      assert.deepEqual([checkpoint, settings?.model], ['base', path.join(workspace(), 'model')]);
      assert.match(told.output, /: base: /);
    });

    it('a question is evaluated with its set', async () => {
      const item = await set('test.jsonl');
      const [, child] = [...item.children][0]!;
      const told = await press(1, child);
      assert.equal(told.started.length, 4);
      assert.ok(told.failed.some(({ message }) => message.expectedOutput === NEVER));
    });

    it('one that is cancelled ends quietly: no error, nothing judged, no evaluation left that counts', async () => {
      const rows = Array.from({ length: LONG_ROWS }, (_, n) => ({
        question: `What is ${n} and ${n}?`,
        answer: `${2 * n}`,
      }));
      const lines = rows.map((row) => JSON.stringify(row));
      writeFileSync(path.join(workspace(), 'long-test.jsonl'), `${lines.join('\n')}\n`);
      const item = await set('long-test.jsonl');
      const before = summariesOf(evaluations()).length;
      const source = new vscode.CancellationTokenSource();
      const { jobs } = services.engine;
      const running = () => jobs.jobs.find(({ kind }) => kind === 'evaluate');
      const pressed = press(1, item, source.token);
      await eventually(() => running()?.progress?.phase === 'evaluating');
      assert.equal(item.busy, true);
      source.cancel();
      const told = await pressed;
      assert.deepEqual([told.errored, told.failed, told.passed, told.ended], [[], [], [], true]);
      assert.deepEqual(told.skipped, [item]);
      assert.equal(item.busy, false);
      await eventually(() => running() === undefined);
      assert.equal(summariesOf(evaluations()).length, before);
    });

    it('after that they run as before', async () => {
      const told = await press(1, await set('test.jsonl'));
      assert.equal(told.started.length, 4);
    });

    it('are told from files that only sound alike', async () => {
      for (const name of ['latest.jsonl', 'device-log.jsonl']) writeFileSync(path.join(workspace(), name), '{}\n');
      await controller.refreshHandler?.(new vscode.CancellationTokenSource().token);
      const names = [...controller.items].map(([, { label }]) => label);
      assert.ok(names.includes('test.jsonl'));
      assert.deepEqual(
        names.filter((name) => /latest|device/.test(name)),
        [],
      );
    });

    it('more than fit in the list are counted, whichever come and go', async () => {
      const folder = path.join(workspace(), 'a great many');
      const write = (name: string) => writeFileSync(path.join(folder, name), '{"question": "?", "answer": "1"}\n');
      const find = () => controller.refreshHandler?.(new vscode.CancellationTokenSource().token);
      const listed = () =>
        [...controller.items].map(([, { label }]) => label).filter((label) => !/more sets/.test(label));
      const more = () => Number(/^(\d+) more sets/.exec(controller.items.get('more')?.label ?? '')?.[1] ?? 0);
      const before = listed().length;
      mkdirSync(folder);
      try {
        for (let i = 0; i < 200; i++) write(`set-${i}-test.jsonl`);
        await find();
        assert.deepEqual([listed().length, more()], [200, before]);
        const first = 'a before all others-test.jsonl';
        write(path.join('..', first));
        await find();
        assert.deepEqual([listed().length, more()], [200, before + 1]);
        assert.ok(listed().includes(first));
        rmSync(path.join(workspace(), first));
        await eventually(() => more() === before && listed().length === 200);
        assert.ok(!listed().includes(first));
      } finally {
        rmSync(folder, { recursive: true });
        await find();
      }
      assert.deepEqual([listed().length, more()], [before, 0]);
    });

    it('one that cannot be evaluated says why', async () => {
      writeFileSync(path.join(workspace(), 'bad-test.jsonl'), '{"question": "No answer?"}\n');
      const told = await press(1, await set('bad-test.jsonl'));
      assert.deepEqual(told.errored, [await set('bad-test.jsonl')]);
      assert.deepEqual([told.failed, told.passed, told.skipped, told.ended], [[], [], [], true]);
    });

    it('one that cannot be evaluated stops none of the others, and takes nothing back of them', async () => {
      const rows = ['What is 1 and 2?', 'What is 2 and 2?'].map((question) =>
        JSON.stringify({ question, answer: '3' }),
      );
      writeFileSync(path.join(workspace(), 'more-test.jsonl'), `${rows.join('\n')}\n`);
      const [good, bad, more] = [await set('test.jsonl'), await set('bad-test.jsonl'), await set('more-test.jsonl')];
      const told = await press(1, [good, bad, more]);
      assert.deepEqual([told.errored, told.skipped, told.ended], [[bad], [], true]);
      assert.deepEqual(
        [good, more].map(({ children }) => children.size),
        [4, 2],
      );
      assert.equal(told.started.length, 6);
    });

    it('of one that is cancelled, those after it are skipped and those before it keep their results', async () => {
      const [first, long, last] = [await set('test.jsonl'), await set('long-test.jsonl'), await set('more-test.jsonl')];
      const source = new vscode.CancellationTokenSource();
      const pressed = press(1, [first, long, last], source.token);
      await eventually(() => long.busy);
      source.cancel();
      const told = await pressed;
      assert.deepEqual([told.errored, told.skipped, told.ended], [[], [long, last], true]);
      assert.equal(told.started.length, 4);
    });

    it('what is gone from the disk is shown no longer, and another of the same name is shown', async () => {
      const dataset = path.join(workspace(), 'copied-test.jsonl');
      writeFileSync(dataset, readFileSync(testFile()));
      const item = await set('copied-test.jsonl');
      const source = list(evaluations())
        .find((name) => name.endsWith('.json'))!
        .replace(/\.json$/, '');
      const name = 'copied-test-20260101-010101';
      const file = (stem: string, extension: string) => path.join(evaluations(), `${stem}.${extension}`);
      const rows = rowsOf(file(source, 'jsonl'));
      /** As if the questions had all been answered rightly, or all wrongly. */
      const write = (correct: boolean) => {
        const judged = rows.map((row) => ({ ...row, greedy: { ...row.greedy, correct } }));
        writeFileSync(file(name, 'jsonl'), judged.map((row) => `${JSON.stringify(row)}\n`).join(''));
        const summary = json<EvaluationSummary>(file(source, 'json'));
        writeFileSync(file(name, 'json'), JSON.stringify({ ...summary, name, dataset }));
      };
      const shown = () => heard.runs.filter((told) => told.ended && told.output.startsWith(`${name}: `));
      write(true);
      const [first] = await eventually(() => shown().length === 1 && shown());
      assert.deepEqual([first!.passed.length, item.children.size], [rows.length, rows.length]);
      for (const extension of ['json', 'jsonl']) rmSync(file(name, extension));
      await eventually(() => item.children.size === 0);
      write(false);
      const [, second] = await eventually(() => shown().length === 2 && shown());
      assert.deepEqual([second!.failed.length, item.children.size], [rows.length, rows.length]);
    });
  });
});
