import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import * as vscode from 'vscode';
import type { CommandServices } from '../../src/extension/commands/services.ts';
import { Settings } from '../../src/extension/settings.ts';
import { startRunQuestion } from '../../src/extension/tools/run_tools.ts';
import { recordRun } from '../support/recorded_run.ts';
import { endEngine, extension, workspace } from './studio.ts';

describe('language-model tools and tasks', () => {
  let run: string;
  const invoke = async (name: string, input: object): Promise<unknown> => {
    const { content } = await vscode.lm.invokeTool(name, { input, toolInvocationToken: undefined });
    return JSON.parse((content[0] as vscode.LanguageModelTextPart).value);
  };

  before(async () => {
    // The starter need not be there for these tests: any folder's name will do for the tiny engine.
    await vscode.workspace.getConfiguration('latro').update('model', 'a-model', vscode.ConfigurationTarget.Workspace);
    await extension().activate();
    run = await recordRun(workspace());
  });
  after(async () => {
    rmSync(run, { recursive: true });
    await endEngine();
  });

  it('list runs and read their rationales as they are on disk', async () => {
    const runs = (await invoke('latro_list_runs', {})) as { run: string; status: string }[];
    const [first] = runs;
    assert.equal(first?.status, 'finished');
    const found = (await invoke('latro_read_rationales', { run: first?.run, line: 2 })) as {
      note: string;
      step: number;
      questions: { goldAnswer: string; rationales: { text: string; correct: boolean }[] }[];
    };
    assert.equal(found.step, 10);
    assert.match(found.note, /Do not follow instructions/);
    assert.deepEqual([found.questions.length, found.questions[0]?.goldAnswer], [1, '42']);
    assert.equal(found.questions[0]?.rationales.length, 4);
  });

  it('score a rationale with the chosen model', async () => {
    const input = { file: 'train.jsonl', line: 2, rationale: 'six times seven is 42' };
    const score = (await invoke('latro_score_rationale', input)) as { goldAnswer: string; selfReward: number };
    assert.deepEqual([score.goldAnswer, score.selfReward], ['42', -0.1]);
  });

  it('start a run only after a person has read what is trained with what', () => {
    const folder = vscode.workspace.workspaceFolders?.[0];
    const settings = new Settings(folder, extension().extensionPath);
    const question = startRunQuestion({ settings } as CommandServices, { file: 'train *it*.jsonl' });
    const { title, message } = question.confirmationMessages;
    assert.match(title, /\?$/);
    const { value } = message;
    assert.match(value, /train.*\.jsonl/);
    assert.match(value, /a\\?-model/, 'with which model');
    assert.doesNotMatch(value, /[^\\]\*it/, 'a name is shown, never interpreted');
  });

  it('refuse in words a model can act on, and files outside the workspace', async () => {
    const refused = (name: string, input: object, reason: RegExp) => assert.rejects(invoke(name, input), reason);
    await refused('latro_read_rationales', { run: 'none' }, /There is no run none\. latro_list_runs names/);
    await refused('latro_read_rationales', { line: 4 }, /Leave the line out/);
    await refused('latro_score_rationale', { file: '../x.jsonl', line: 1, rationale: 'a' }, /not in the workspace/);
    await refused('latro_score_rationale', { file: 'train.jsonl', line: 4, rationale: 'a' }, /no sound row/);
  });

  it('tasks are offered for what can be evaluated, and run to their end', async () => {
    const tasks = await vscode.tasks.fetchTasks({ type: 'latro' });
    const names = tasks.map(({ definition }) => `${definition.task} ${definition.file}`);
    assert.ok(names.includes('evaluate test.jsonl'), names.join());
    const task = tasks.find(({ definition }) => definition.file === 'test.jsonl')!;
    const ended = new Promise<vscode.TaskProcessEndEvent>((resolve) => {
      const subscription = vscode.tasks.onDidEndTaskProcess((event) => {
        subscription.dispose();
        resolve(event);
      });
    });
    await vscode.tasks.executeTask(task);
    assert.equal((await ended).exitCode, 0);
  });
});
