import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { CommandServices } from '../../src/extension/commands/services.ts';
import { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import { Settings } from '../../src/extension/settings.ts';
import { LatroTasks } from '../../src/extension/tasks/latro_tasks.ts';
import { askToStartRun, type ProposedRuns, startRun } from '../../src/extension/tools/run_tools.ts';
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

  describe('start a run only after a person has read', () => {
    const careful = () => path.join(workspace(), 'careful.latro.json');
    let runs: RunsWatcher;
    const log = vscode.window.createOutputChannel('Test of tools', { log: true });
    before(() => {
      runs = new RunsWatcher(workspace(), log);
      const settings = { learningRate: 0.001 };
      const dataset = { train: 'train.jsonl', holdOutFraction: 0 };
      const outputDirectory = '../else*where*';
      const config = { model: 'another-model', dataset, steps: 123, optimizer: settings, outputDirectory };
      writeFileSync(careful(), JSON.stringify(config));
    });
    after(() => {
      runs.dispose();
      log.dispose();
      rmSync(careful());
    });
    const proposed: ProposedRuns = new Map();
    beforeEach(() => proposed.clear());
    type Started = { readonly source: { readonly config?: { readonly steps?: number } } };
    /** What starts a run that was proposed, and what the engine is asked to train then. */
    const starter = () => {
      const started: Started[] = [];
      const request = async (_: string, params: Started) => {
        started.push(params);
        return { runId: 'a-run' };
      };
      const engine = { client: async () => ({ request }) };
      const start = () => startRun(services({ engine }), proposed, { file: 'careful.latro.json' });
      return { start, steps: () => started.map(({ source }) => source.config?.steps) };
    };
    const services = (more: object = {}) => {
      const settings = new Settings(vscode.workspace.workspaceFolders?.[0], extension().extensionPath);
      return { workspace: workspace(), settings, runs, ...more } as CommandServices;
    };
    /** The lines of the question as a person reads them. */
    const asked = async (file: string): Promise<string[]> => {
      const { confirmationMessages } = await askToStartRun(services(), proposed, { file });
      assert.match(confirmationMessages?.title ?? '', /\?$/);
      const { value } = (confirmationMessages?.message ?? new vscode.MarkdownString()) as vscode.MarkdownString;
      assert.doesNotMatch(value, /[^\\]\*/, 'names are shown, never interpreted');
      return value
        .replaceAll(/\\(\W)/g, '$1')
        .split('\n')
        .filter((line) => line !== '');
    };
    const inside = (...names: string[]) => path.join(workspace(), ...names);

    it('what is trained on what, for how long, and where it is written, by a latro.json', async () => {
      assert.deepEqual(await asked('careful.latro.json'), [
        'Train with careful.latro.json.',
        `Model: ${inside('another-model')}`,
        `Training questions: ${inside('train.jsonl')}`,
        'Length: 123 updates',
        `Written to: ${inside('..', 'else*where*')}`,
      ]);
    });

    it('the same without one: with the chosen model, below the runs of the workspace', async () => {
      const [first, model, train, length, folder, ...more] = await asked('train *it*.jsonl');
      assert.deepEqual(
        [first, model, train, folder, more],
        [
          'Train with train *it*.jsonl.',
          `Model: ${inside('a-model')}`,
          `Training questions: ${inside('train *it*.jsonl')}`,
          `Written to: ${inside('.latro', 'runs')}`,
          [],
        ],
      );
      assert.match(length!, /^Length: \d+ (?:updates|epochs)$/);
    });

    it('as it stands in the editor, and nothing is saved by asking', async () => {
      const before = readFileSync(careful(), 'utf8');
      const document = await vscode.workspace.openTextDocument(careful());
      const at = document.getText().indexOf('123');
      const edit = new vscode.WorkspaceEdit();
      edit.replace(document.uri, new vscode.Range(document.positionAt(at), document.positionAt(at + 3)), '77');
      await vscode.workspace.applyEdit(edit);
      const lines = await asked('careful.latro.json');
      assert.ok(lines.includes('With the unsaved changes of careful.latro.json'), lines.join());
      assert.ok(lines.includes('Length: 77 updates'), lines.join());
      assert.deepEqual([document.isDirty, readFileSync(careful(), 'utf8')], [true, before]);
      await vscode.window.showTextDocument(document);
      await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    });

    it('as many epochs as the preset has for such questions', async () => {
      const [name, file] = ['arc-train.jsonl', path.join(workspace(), 'arc-train.jsonl')];
      const choices = { text: ['ice', 'steam'], label: ['A', 'B'] };
      const row = { id: 'a', question: 'What is frozen water?', choices, answerKey: 'A' };
      writeFileSync(file, `${JSON.stringify(row)}\n`);
      const lines = await asked(name);
      rmSync(file);
      assert.ok(lines.includes('Length: 12 epochs'), lines.join());
      const config = {
        model: inside('a-model'),
        dataset: { train: file },
        outputDirectory: inside('.latro', 'runs'),
        epochs: 12,
      };
      assert.deepEqual(
        proposed.get(name)?.map(({ source }) => source),
        [{ kind: 'inline', config, baseDirectory: workspace() }],
      );
    });

    it('and starts what was read, whatever stands in latro.json by then, once', async () => {
      await asked('careful.latro.json');
      const text = readFileSync(careful(), 'utf8');
      writeFileSync(careful(), text.replace('123', '4000'));
      const { start, steps } = starter();
      await start();
      writeFileSync(careful(), text);
      assert.deepEqual(steps(), [123]);
      await assert.rejects(start(), /Nobody was asked/);
    });

    it('neither of two that differ, for nobody tells which a yes was to; what is asked once more starts', async () => {
      const text = readFileSync(careful(), 'utf8');
      const { start, steps } = starter();
      await asked('careful.latro.json');
      writeFileSync(careful(), text.replace('123', '4000'));
      await asked('careful.latro.json');
      writeFileSync(careful(), text);
      await assert.rejects(start(), /may have agreed to either/);
      assert.deepEqual(steps(), []);
      await asked('careful.latro.json');
      await start();
      assert.deepEqual(steps(), [123]);
    });

    it('but what was proposed twice alike, as after a no to the first', async () => {
      const { start, steps } = starter();
      await asked('careful.latro.json');
      await asked('careful.latro.json');
      await start();
      assert.deepEqual(steps(), [123]);
    });

    it('nothing of what could not be trained: that is refused before', async () => {
      writeFileSync(careful(), '{"steps": 1}');
      await assert.rejects(asked('careful.latro.json'), /careful\.latro\.json: "model" is missing/);
      await assert.rejects(asked('../train.jsonl'), /not in the workspace/);
    });
  });

  it('refuse in words a model can act on, and files outside the workspace', async () => {
    const refused = (name: string, input: object, reason: RegExp) => assert.rejects(invoke(name, input), reason);
    await refused('latro_read_rationales', { run: 'none' }, /There is no run none\. latro_list_runs names/);
    await refused('latro_read_rationales', { line: 4 }, /Leave the line out/);
    await refused('latro_score_rationale', { file: '../x.jsonl', line: 1, rationale: 'a' }, /not in the workspace/);
    await refused('latro_score_rationale', { file: 'train.jsonl', line: 4, rationale: 'a' }, /no sound row/);
  });

  it('tasks say that there is nothing to look for in their output: VS Code would ask, each time', async () => {
    const tasks = await new LatroTasks({} as CommandServices).provideTasks();
    assert.ok(tasks.length > 0);
    // What VS Code keeps of the difference between no matchers and none named.
    assert.ok(tasks.every((task) => Reflect.get(task, 'hasDefinedMatchers') === true));
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
