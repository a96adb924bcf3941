/** What the rows of the two lists say, from the trees that the extension shows, over real runs and an engine. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { EngineSupervisor } from '../../src/extension/engine/engine_supervisor.ts';
import { JobTracker } from '../../src/extension/engine/job_tracker.ts';
import { findModelFolders } from '../../src/extension/models/model_folders.ts';
import { ModelsTree } from '../../src/extension/models/models_tree.ts';
import { Reporter } from '../../src/extension/reporter.ts';
import { briefText, gainText } from '../../src/extension/runs/run_text.ts';
import { RunsTree } from '../../src/extension/runs/runs_tree.ts';
import { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import { Settings } from '../../src/extension/settings.ts';
import { eventually } from '../support/eventually.ts';
import { recordRun } from '../support/recorded_run.ts';
import { endEngine, extension, workspace } from './studio.ts';

const QUESTIONS = 20;
const PACKAGES = 1000;
const MODELS = ['small', 'large', 'huge', 'missing'];
const percent = (rate: number) => `${(100 * rate).toFixed(1)} %`;

describe('lists', () => {
  const log = vscode.window.createOutputChannel('Test of lists', { log: true });
  before(() => extension().activate());
  after(async () => {
    log.dispose();
    await endEngine();
  });

  describe('of runs', () => {
    let runs: RunsWatcher;
    let run: RunDirectory;
    let folder: string;
    before(async () => {
      folder = mkdtempSync(path.join(tmpdir(), 'latro-lists-'));
      const rows = Array.from({ length: QUESTIONS }, (_, n) => JSON.stringify({ question: `${n}?`, answer: `${n}` }));
      for (const name of ['train.jsonl', 'test.jsonl']) writeFileSync(path.join(folder, name), `${rows.join('\n')}\n`);
      run = new RunDirectory(new NodeFileSystem(), await recordRun(folder));
      runs = new RunsWatcher(folder, log);
      await runs.refresh();
    });
    after(() => {
      runs.dispose();
      rmSync(folder, { recursive: true });
    });

    it('say what a run gained: right answers before and after, and over how many questions', async () => {
      const { gain } = await run.record();
      assert.ok(gain !== null && gain.greedyBefore !== gain.greedyAfter, 'it has something to say');
      const change = `${percent(gain.greedyBefore)} → ${percent(gain.greedyAfter)}`;
      const tree = new RunsTree(runs, new JobTracker());
      const node = tree.getChildren().find(({ runId }) => runId === run.id)!;
      const { description, tooltip, accessibilityInformation, contextValue } = tree.getTreeItem(node);
      assert.ok(String(description).startsWith(`${change} · `), String(description));
      const whole = `${change} of ${gain.questions} questions`;
      assert.ok(accessibilityInformation?.label.endsWith(whole), accessibilityInformation?.label);
      const plain = (tooltip as vscode.MarkdownString).value.replaceAll('\\', '');
      assert.ok(plain.includes(whole), plain);
      assert.match(contextValue!, /^run-finished .*\bevaluated\b/);
    });

    it('say how far it is while there is no gain, and when it began', () => {
      const found = runs.find(run.id)!;
      const now = new Date(found.createdAt);
      const unmeasured = { ...found, gain: null };
      assert.equal(gainText(unmeasured), '');
      assert.match(briefText(unmeasured, now), /^step 10 of 10, finished · \d{1,2}:\d{2}/);
      const gained = { questions: 200, greedyBefore: 0.12, greedyAfter: 0.255 };
      const measured = { ...found, gain: { ...found.gain!, ...gained } };
      assert.equal(gainText(measured), '12.0 % → 25.5 % of 200 questions');
      assert.match(briefText(measured, now), /^12\.0 % → 25\.5 % · \d{1,2}:\d{2}/);
      const later = new Date(now.getTime() + 3 * 86_400_000);
      assert.ok(briefText(measured, later).endsWith(String(now.getDate())), 'the day of an earlier run');
    });
  });

  describe('of models', () => {
    const folder = (name: string) => path.join(workspace(), 'models', name);
    /** Of a workspace of many packages, whose `config.json` are not those of models. */
    const packages = () => path.join(workspace(), 'packages');
    let engine: EngineSupervisor;
    let tree: ModelsTree;
    before(() => {
      for (let n = 0; n < PACKAGES; n++) {
        mkdirSync(path.join(packages(), `p${n}`), { recursive: true });
        writeFileSync(path.join(packages(), `p${n}`, 'config.json'), '{}');
      }
      for (const name of MODELS) {
        mkdirSync(folder(name), { recursive: true });
        for (const file of ['config.json', 'tokenizer.json']) writeFileSync(path.join(folder(name), file), '{}');
      }
      const { version } = extension().packageJSON as { version: string };
      engine = new EngineSupervisor({ workspace: workspace(), entry: process.env.LATRO_TEST_ENGINE!, version, log });
      const settings = new Settings(vscode.workspace.workspaceFolders![0], extension().extensionPath);
      tree = new ModelsTree({ engine, settings, reporter: new Reporter(log) });
    });
    after(() => {
      tree.dispose();
      engine.dispose();
      for (const each of [path.join(workspace(), 'models'), packages()]) rmSync(each, { recursive: true });
    });
    const setting = () => vscode.workspace.getConfiguration('latro').inspect<string>('model')!;
    /** Does it, and puts back the setting of the workspace. */
    const keepingSetting = async (work: () => Promise<void>): Promise<void> => {
      const { workspaceValue: before } = setting();
      try {
        await work();
      } finally {
        const { Workspace } = vscode.ConfigurationTarget;
        await vscode.workspace.getConfiguration('latro').update('model', before, Workspace);
      }
    };

    it('are those of the workspace, however many packages it has', async () => {
      const found = async () => (await findModelFolders()).map((each) => path.relative(workspace(), each));
      await eventually(async () => (await found()).length >= MODELS.length);
      assert.deepEqual(await found(), MODELS.map((name) => path.join('models', name)).sort());
    });

    it('say of each whether it fits, in words and not by the colour alone, or why it is none', async () => {
      const nodes = await eventually(async () => {
        const found = await tree.getChildren();
        return MODELS.every((name) => found.some((node) => node.folder === folder(name))) && found;
      });
      const row = (name: string) => tree.getTreeItem(nodes.find((node) => node.folder === folder(name))!);
      const facts = (fit: string, name: string) => `models/${name} · ${fit} · Logistic · 0.000001 M parameters · 1 MB`;
      await eventually(() => MODELS.every((name) => String(row(name).description).split(' · ').length > 1));
      assert.equal(row('small').description, facts('fits', 'small'));
      assert.equal(row('large').description, facts('memory is tight', 'large'));
      assert.equal(row('huge').description, facts('does not fit', 'huge'));
      assert.match(String(row('missing').description), /There is no model in /);
      const icons = MODELS.map((name) => (row(name).iconPath as vscode.ThemeIcon).id);
      assert.deepEqual(icons, ['pass', 'warning', 'error', 'error']);
      for (const name of MODELS) {
        assert.ok(row(name).accessibilityInformation?.label.endsWith(String(row(name).description)), name);
      }
    });

    it('are chosen from the list: the setting of the workspace says which, and the row says so', async () => {
      const { globalValue } = setting();
      const rows = async () => (await tree.getChildren()).map((node) => tree.getTreeItem(node));
      const chosen = async () => (await rows()).filter(({ contextValue }) => contextValue === 'model chosen');
      await keepingSetting(async () => {
        for (const name of ['large', 'small']) {
          const nodes = await tree.getChildren();
          await vscode.commands.executeCommand(
            'latro.useModel',
            nodes.find((node) => node.folder === folder(name)),
          );
          assert.equal(setting().workspaceValue, `models/${name}`);
          assert.equal(setting().globalValue, globalValue);
          const [row, ...more] = await chosen();
          assert.deepEqual([row?.id, more.length], [folder(name), 0]);
          assert.match(String(row?.description), /^chosen · /);
        }
        await vscode.commands.executeCommand('latro.useModel', { folder: 3 });
        assert.equal(setting().workspaceValue, 'models/small', 'what is no model changes nothing');
      });
      // What the engine is still asked would be answered to a list that is gone.
      const isAsked = (row: vscode.TreeItem) => (row.iconPath as vscode.ThemeIcon).id === 'folder-library';
      await eventually(async () => !(await rows()).some(isAsked));
    });

    it('are chosen by the command from what is found: the setting says which, once the engine can read it', async () => {
      const { showQuickPick, showOpenDialog } = vscode.window;
      const outside = mkdtempSync(path.join(tmpdir(), 'latro-models-'));
      let offered: readonly vscode.QuickPickItem[] = [];
      const choose = async (label: string | undefined) => {
        const pick = async (items: PromiseLike<readonly vscode.QuickPickItem[]>) => {
          offered = await items;
          return offered.find((item) => label !== undefined && item.label.endsWith(label));
        };
        vscode.window.showQuickPick = pick as unknown as typeof showQuickPick;
        await vscode.commands.executeCommand('latro.chooseModel');
        return setting().workspaceValue;
      };
      vscode.window.showOpenDialog = async () => [vscode.Uri.file(outside)];
      try {
        await keepingSetting(async () => {
          assert.equal(await choose(' large'), 'models/large');
          const found = offered.flatMap(({ label, description }) =>
            label.startsWith('$(folder) ') ? description : [],
          );
          assert.deepEqual(found, MODELS.map((name) => `models/${name}`).sort());
          assert.equal(await choose(' missing'), 'models/large', 'the engine finds no model there');
          assert.equal(await choose(undefined), 'models/large', 'nothing was picked');
          assert.equal(await choose('Browse…'), outside);
          assert.equal(await choose(' small'), 'models/small');
        });
      } finally {
        Object.assign(vscode.window, { showQuickPick, showOpenDialog });
        rmSync(outside, { recursive: true });
      }
    });
  });
});
