import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { extension, workspace } from './studio.ts';

describe('the starter', () => {
  const folder = () => path.join(workspace(), 'starter');
  before(() => extension().activate());
  after(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    rmSync(folder(), { recursive: true });
  });

  it('is copied whole into the workspace, with a recipe that reads nothing outside it', async () => {
    await vscode.commands.executeCommand('latro.openStarter');
    assert.equal(vscode.window.activeTextEditor?.document.fileName, path.join(folder(), 'train.jsonl'));
    const shipped = readdirSync(path.join(extension().extensionPath, 'media', 'starter'));
    assert.deepEqual(readdirSync(folder()).sort(), shipped.sort());
    const file = path.join(folder(), 'latro.json');
    const { config } = resolveRunConfig(JSON.parse(readFileSync(file, 'utf8')), file);
    const { train, validation, test } = config.dataset;
    const absolute = (relative = '') => path.resolve(folder(), relative);
    assert.equal(absolute(config.model), folder());
    for (const each of [train, validation, test]) assert.equal(path.dirname(absolute(each)), folder());
    assert.equal(absolute(config.outputDirectory), path.join(workspace(), '.latro', 'runs'));
  });

  it('stays as a person has changed it', async () => {
    const questions = path.join(folder(), 'train.jsonl');
    writeFileSync(questions, '{"question": "mine?", "answer": "1"}\n');
    await vscode.commands.executeCommand('latro.openStarter');
    assert.equal(readFileSync(questions, 'utf8'), '{"question": "mine?", "answer": "1"}\n');
  });
});
