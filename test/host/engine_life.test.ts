import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { isAlive } from '../../src/extension/engine/engine_launcher.ts';
import { engineRecordFile, readEngineRecord } from '../../src/protocol/engine_record.ts';
import { eventually } from '../support/eventually.ts';
import { extension, workspace } from './studio.ts';

/** The extension with the tiny engine of test/support in place of dist/engine.cjs: what it does around an engine, whatever the engine. */
describe('engine of a workspace', () => {
  const record = () => readEngineRecord(engineRecordFile(workspace()));
  const runsFolder = () => path.join(workspace(), '.latro', 'runs');
  const train = () =>
    vscode.commands.executeCommand('latro.trainOnDataset', vscode.Uri.file(path.join(workspace(), 'train.jsonl')));
  const steps = () => {
    const runs = existsSync(runsFolder()) ? readdirSync(runsFolder()) : [];
    const logs = runs.map((run) => path.join(runsFolder(), run, 'events.jsonl')).filter((log) => existsSync(log));
    return logs.flatMap((log) => readFileSync(log, 'utf8').trim().split('\n')).length;
  };

  before(async () => {
    // The starter need not be there for these tests: any folder's name will do for the tiny engine.
    await vscode.workspace.getConfiguration('latro').update('model', 'a-model', vscode.ConfigurationTarget.Workspace);
    await extension().activate();
  });

  after(async () => {
    const pid = (await record())?.pid;
    if (pid !== undefined && isAlive(pid)) process.kill(pid);
  });

  it('is a process of its own, and trains to the end', async () => {
    const before = steps();
    await train();
    const engine = await record();
    assert.ok(engine !== undefined && engine.pid !== process.pid);
    assert.equal(steps(), before + 5);
  });

  it('leaves the extension alive when it is killed, and starts anew for the next command', async () => {
    const before = steps();
    const training = train();
    await eventually(() => steps() > before);
    const killed = (await record())!.pid;
    process.kill(killed, 'SIGKILL');
    await training; // ends without an error: the crash is told once, by the supervisor
    assert.equal(extension().isActive, true);
    await train();
    assert.notEqual((await record())?.pid, killed);
  });

  it('stops a run on command', async () => {
    const before = steps();
    const training = train();
    await eventually(() => steps() > before);
    await vscode.commands.executeCommand('latro.stopRun');
    await training;
    assert.ok(steps() < before + 5, 'it did not run to its end');
  });
});
