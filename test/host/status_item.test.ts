import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { Emitter } from '../../src/extension/common/disposables.ts';
import { type ContextKey, ContextKeys } from '../../src/extension/context_keys.ts';
import { JobTracker } from '../../src/extension/engine/job_tracker.ts';
import { Settings } from '../../src/extension/settings.ts';
import { StatusBar } from '../../src/extension/status_bar.ts';
import { plainTooltip, type StatusFace, StatusItem } from '../../src/extension/status_item.ts';
import { JOB, Notifications } from '../support/engine_notifications.ts';
import { extension } from './studio.ts';

describe('the item in the status bar', () => {
  const face = (name: string, enabledCommands: readonly string[] = []): StatusFace => {
    const tooltip = plainTooltip(name);
    if (enabledCommands.length > 0) tooltip.isTrusted = { enabledCommands };
    return { text: `$(info) ${name}`, tooltip, command: `test.${name}` };
  };
  let item: vscode.StatusBarItem;
  let status: StatusItem;
  beforeEach(() => {
    item = vscode.window.createStatusBarItem('test', vscode.StatusBarAlignment.Left);
    status = new StatusItem(item);
  });
  afterEach(() => status.dispose());
  const tooltip = () => item.tooltip as vscode.MarkdownString;

  it('reads what is most pressing, whatever came last, and goes back to the rest', () => {
    status.set('model', face('model'));
    assert.deepEqual([item.text, item.command], ['$(info) model', 'test.model']);
    status.set('run', face('run'));
    status.set('file', face('file'));
    assert.deepEqual([item.text, item.command], ['$(info) run', 'test.run']);
    status.set('run', undefined);
    assert.deepEqual([item.text, item.command], ['$(info) file', 'test.file']);
    status.set('file', undefined);
    assert.deepEqual([item.text, item.command], ['$(info) model', 'test.model']);
  });

  it('keeps the rest in its tooltip, with the links that each may have and no others', () => {
    status.set('run', face('run'));
    assert.equal(tooltip().isTrusted, undefined);
    status.set('file', face('file', ['latro.evaluate']));
    status.set('model', face('model'));
    const found = ['run', 'file', 'model'].map((name) => tooltip().value.indexOf(name));
    assert.ok(
      found.every((at, n) => at >= 0 && (n === 0 || at > found[n - 1]!)),
      tooltip().value,
    );
    assert.deepEqual(tooltip().isTrusted, { enabledCommands: ['latro.evaluate'] });
  });

  it('shows names as they are, whatever Markdown they would be', () => {
    const name = '[x](command:latro.trainOnDataset) <b>';
    const shown = plainTooltip(name);
    assert.equal(shown.isTrusted, undefined);
    assert.ok(!shown.value.includes('](command:'), shown.value);
    assert.equal(plainTooltip('two words').value, 'two words', 'wrapped between them');
  });
});

describe('what the status bar says of run and model', () => {
  const changed = new Emitter<void>();
  let isInUse: boolean;
  let item: vscode.StatusBarItem;
  let engine: Notifications;
  let jobs: JobTracker;
  let bar: StatusBar | undefined;
  const told = new Map<ContextKey, unknown>();
  let isShown: boolean;
  before(() => extension().activate());
  beforeEach(() => {
    isInUse = false;
    item = vscode.window.createStatusBarItem('test', vscode.StatusBarAlignment.Left);
    // VS Code does not say whether it shows an item.
    const { show, hide } = item;
    isShown = false;
    item.show = () => {
      isShown = true;
      show.call(item);
    };
    item.hide = () => {
      isShown = false;
      hide.call(item);
    };
    engine = new Notifications();
    jobs = new JobTracker();
    told.clear();
  });
  afterEach(() => {
    bar?.dispose();
    engine.close();
    item.dispose();
  });
  const open = () => {
    const settings = new Settings(vscode.workspace.workspaceFolders?.[0], extension().extensionPath);
    const keys = new ContextKeys((key, value) => told.set(key, value));
    const use = { isInUse: () => isInUse, listen: (listener: () => void) => [changed.event(listener)] };
    bar = new StatusBar(new StatusItem(item), jobs, settings, keys, use);
  };
  /** The name of the model that would be used, as the item has it. */
  const namesModel = () =>
    isShown && /^\$\(type-hierarchy\) LaTRO: \S/.test(item.text) && item.command === 'latro.chooseModel';

  it('names no model in a window without anything of ours, and goes on naming it once there was something', () => {
    open();
    changed.fire();
    assert.deepEqual([isShown, item.text], [false, '']);
    isInUse = true;
    changed.fire();
    assert.ok(namesModel(), item.text);
    assert.match((item.tooltip as vscode.MarkdownString).value.replaceAll('\\', ''), /^LaTRO model: \S/);
    isInUse = false;
    changed.fire();
    assert.ok(namesModel(), 'it does not come and go with a file');
  });

  it('is about the run while one is trained, wherever that is, and about the model afterwards', () => {
    open();
    assert.equal(told.get('latro.training'), false);
    jobs.follow(engine);
    assert.equal(item.text, '$(sync~spin) LaTRO');
    assert.deepEqual((item.command as vscode.Command).arguments, [{ runId: JOB.runId }]);
    assert.equal(told.get('latro.training'), true);
    engine.send('jobChanged', { ...JOB, state: 'paused' });
    assert.match(item.text, /^\$\(debug-pause\) LaTRO · paused$/);
    engine.send('jobEnded', { ...JOB, outcome: { type: 'ok' } });
    assert.ok(namesModel(), item.text);
    assert.equal(told.get('latro.training'), false);
  });
});
