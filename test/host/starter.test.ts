import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { LatroError } from '../../src/engine/common/errors.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { openStarter } from '../../src/extension/commands/open_starter.ts';
import type { CommandServices } from '../../src/extension/commands/services.ts';
import { Settings } from '../../src/extension/settings.ts';
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

  describe('where something else is called so', () => {
    let other: string;
    const open = () => {
      const settings = new Settings(vscode.workspace.workspaceFolders?.[0], extension().extensionPath);
      return openStarter({ workspace: other, settings } as CommandServices);
    };
    const target = () => path.join(other, 'starter');
    beforeEach(() => {
      other = mkdtempSync(path.join(tmpdir(), 'latro-starter-'));
    });
    afterEach(async () => {
      await vscode.commands.executeCommand('workbench.action.closeAllEditors');
      rmSync(other, { recursive: true });
    });

    it('is refused with what to do, and nothing of it is touched', async () => {
      mkdirSync(target());
      writeFileSync(path.join(target(), 'latro.json'), 'mine');
      const refused = (error: unknown) => error instanceof LatroError && /already.* Rename it/.test(error.message);
      await assert.rejects(open(), refused);
      assert.equal(readFileSync(path.join(target(), 'latro.json'), 'utf8'), 'mine');
      assert.deepEqual([readdirSync(other), readdirSync(target())], [['starter'], ['latro.json']]);
      rmSync(target(), { recursive: true });
      writeFileSync(target(), 'a file');
      await assert.rejects(open(), refused);
      assert.deepEqual([readdirSync(other), readFileSync(target(), 'utf8')], [['starter'], 'a file']);
    });

    it('takes the place of an empty folder', async () => {
      mkdirSync(target());
      await open();
      assert.ok(readdirSync(target()).includes('train.jsonl'));
    });
  });
});
