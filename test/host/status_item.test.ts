import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { plainTooltip, type StatusFace, StatusItem } from '../../src/extension/status_item.ts';

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
