import assert from 'node:assert/strict';
import os from 'node:os';
import * as vscode from 'vscode';
import { isAlive } from '../../src/extension/engine/engine_launcher.ts';
import { engineRecordFile, readEngineRecord } from '../../src/protocol/engine_record.ts';
import { eventually } from '../support/eventually.ts';
import { endEngine, extension, workspace } from './studio.ts';

describe('the diagnosis', () => {
  const open = async (): Promise<string> => {
    await vscode.commands.executeCommand('latro.diagnose');
    const { document } = vscode.window.activeTextEditor!;
    assert.equal(document.languageId, 'markdown');
    const text = document.getText();
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    return text;
  };
  const record = () => readEngineRecord(engineRecordFile(workspace()));

  before(() => extension().activate());
  after(endEngine);

  it('tells versions, devices, settings and the last lines of the log, and starts no engine', async () => {
    const running = (await record())?.pid;
    if (running !== undefined && isAlive(running)) process.kill(running);
    await eventually(() => running === undefined || !isAlive(running));
    await vscode.commands.executeCommand('latro.convertToJsonLines', vscode.Uri.file('/nowhere/train.jsonl'));
    const text = await eventually(async () => {
      const now = await open();
      return now.includes('train.jsonl is no .json file') && now; // the log is written a moment later
    });
    const { version } = extension().packageJSON as { version: string };
    assert.ok(text.includes(`- LaTRO Studio: ${version}, engine protocol `));
    assert.ok(text.includes(` ${vscode.version} (`));
    assert.match(text, /## Devices\n\n {4}cpu +works, [\d.]+ GFLOP\/s/);
    assert.match(text, /## Workspace\n\n- Folders: 1 \(file\)\n- Trusted: yes\n/);
    assert.ok(text.includes('- `latro.sampling.rationalesPerQuestion`: `8` (default)'));
    const properties = Object.keys(extension().packageJSON.contributes.configuration.properties);
    assert.deepEqual(
      [...text.matchAll(/^- `(latro\.[\w.]+)`: /gm)].map(([, name]) => name),
      properties,
    );
    assert.ok(text.includes('- State: not running'), text);
  });

  it('tells of the engine that runs, and neither its token nor the home folder', async () => {
    const section = vscode.workspace.getConfiguration('latro');
    await section.update('model', `${os.homedir()}/a-model`, vscode.ConfigurationTarget.Workspace);
    const input = { file: 'train.jsonl', line: 2, rationale: '42' };
    await vscode.lm.invokeTool('latro_score_rationale', { input, toolInvocationToken: undefined });
    const text = await open();
    const { pid, token } = (await record())!;
    assert.ok(text.includes(`- State: running as process ${pid}\n`), text);
    assert.ok(text.includes('- `latro.model`: `"~/a-model"`\n'), text);
    assert.ok(!text.includes(token));
    assert.ok(!text.includes(os.homedir()));
    await section.update('model', 'a-model', vscode.ConfigurationTarget.Workspace);
  });
});
