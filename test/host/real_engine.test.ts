/** With the engine that ships, in a workspace of its own: a run started by a language model, and one by a task. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { eventually } from '../support/eventually.ts';
import { endEngine, extension, workspace } from './studio.ts';

const STEPS = 2;
/** As in the latro.json that .vscode-test.mjs writes. */
const RATIONALES = 4;
const QUESTIONS = 3;

describe('a real run', () => {
  const files = new NodeFileSystem();
  const runsFolder = () => path.join(workspace(), '.latro', 'runs');
  const invoke = async (name: string, input: object): Promise<unknown> => {
    const { content } = await vscode.lm.invokeTool(name, { input, toolInvocationToken: undefined });
    return JSON.parse((content[0] as vscode.LanguageModelTextPart).value);
  };
  const runIds = async () => (await files.list(runsFolder())).sort();
  const directoryOf = (id: string) => new RunDirectory(files, path.join(runsFolder(), id));

  const exitCodeOf = async (task: vscode.Task): Promise<number | undefined> => {
    const ended = new Promise<vscode.TaskProcessEndEvent>((resolve) => {
      const subscription = vscode.tasks.onDidEndTaskProcess((event) => {
        subscription.dispose();
        resolve(event);
      });
    });
    await vscode.tasks.executeTask(task);
    return (await ended).exitCode;
  };

  /** Everything a finished run of the workspace's latro.json leaves on disk. */
  const assertWhole = async (run: RunDirectory): Promise<void> => {
    const { status, step, totalSteps, config, gain, pid } = await run.record();
    assert.deepEqual([status, step, totalSteps], ['finished', STEPS, STEPS]);
    assert.equal(config.dataset.train, path.join(workspace(), 'train.jsonl'));
    assert.equal(config.model, path.join(workspace(), 'model'));
    assert.ok(gain !== null && gain.questions > 0, 'test questions before and after');
    assert.notEqual(pid, process.pid, 'the host computes nothing');
    assert.deepEqual(await run.rolloutSteps(), [1, 2]);
    for (const each of [1, 2]) {
      const rollouts = await run.rollouts(each);
      assert.equal(rollouts.length, QUESTIONS);
      for (const { rationales } of rollouts) assert.equal(rationales.length, RATIONALES);
    }
    assert.deepEqual(await run.evaluationNames(), ['base-test', 'step-000002-test']);
    const checkpoint = await run.checkpoints.verify(STEPS);
    assert.ok(checkpoint !== null && !('reason' in checkpoint), 'its checkpoint is whole');
    const { records } = await run.events();
    assert.equal(records.filter(({ type }) => type === 'step').length, STEPS);
  };

  before(async () => {
    await extension().activate();
  });
  after(endEngine);

  it('is started by a language model, which can follow it to its end and read what it thought', async () => {
    assert.deepEqual(await runIds(), []);
    const { run } = (await invoke('latro_start_run', { file: 'train.jsonl' })) as { run: string };
    assert.deepEqual(await runIds(), [run]);
    type Listed = { run: string; status: string; step: number; accuracy: { questions: number } | null };
    const [listed] = await eventually(async () => {
      const runs = (await invoke('latro_list_runs', {})) as Listed[];
      return runs[0]?.status === 'finished' && runs;
    });
    assert.deepEqual([listed?.run, listed?.step], [run, STEPS]);
    await assertWhole(directoryOf(run));
    const read = (await invoke('latro_read_rationales', { run })) as {
      step: number;
      questions: { line: number; rationales: { text: string }[] }[];
    };
    assert.equal(read.step, STEPS);
    const onDisk = await directoryOf(run).rollouts(STEPS);
    const { line, rationales } = read.questions[0]!;
    assert.deepEqual(
      rationales.map(({ text }) => text),
      onDisk.find((rollout) => rollout.line === line)?.rationales.map(({ text }) => text),
    );
  });

  it('is not started on what is no dataset or lies outside the workspace, and leaves nothing behind', async () => {
    const before = await runIds();
    writeFileSync(path.join(workspace(), 'broken.jsonl'), '{"question": "No answer?"}\n');
    await assert.rejects(invoke('latro_start_run', { file: 'broken.jsonl' }));
    await assert.rejects(invoke('latro_start_run', { file: '../train.jsonl' }), /not in the workspace/);
    assert.deepEqual(await runIds(), before);
  });

  it('is started by a task of type latro, which ends with the run', async () => {
    const before = await runIds();
    const tasks = await vscode.tasks.fetchTasks({ type: 'latro' });
    const task = tasks.find(({ definition }) => definition.task === 'train')!;
    assert.deepEqual(task.definition, { type: 'latro', task: 'train', file: 'latro.json' });
    assert.equal(await exitCodeOf(task), 0);
    const [id, ...more] = (await runIds()).filter((each) => !before.includes(each));
    assert.deepEqual(more, []);
    await assertWhole(directoryOf(id!));
  });

  it('of a task that cannot run ends with an exit code that says so', async () => {
    const before = await runIds();
    writeFileSync(path.join(workspace(), 'broken.latro.json'), JSON.stringify({ model: 'nowhere', dataset: {} }));
    const task = await eventually(async () => {
      const tasks = await vscode.tasks.fetchTasks({ type: 'latro' });
      return tasks.find(({ definition }) => definition.file === 'broken.latro.json');
    });
    assert.equal(await exitCodeOf(task), 1);
    assert.deepEqual(await runIds(), before);
  });
});
