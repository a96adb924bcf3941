import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import * as vscode from 'vscode';
import { type CommandServices, pickRun } from '../../src/extension/commands/services.ts';
import { JobTracker } from '../../src/extension/engine/job_tracker.ts';
import { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import { recordRun } from '../support/recorded_run.ts';
import { extension, workspace } from './studio.ts';

describe('the run a command is about', () => {
  let directory: string;
  let runs: RunsWatcher;
  const log = vscode.window.createOutputChannel('Test of picking', { log: true });
  const picked = (argument: unknown) =>
    pickRun({ runs, engine: { jobs: new JobTracker() } } as unknown as CommandServices, argument, () => true, '');

  before(async () => {
    await extension().activate();
    directory = await recordRun(workspace());
    runs = new RunsWatcher(workspace(), log);
  });
  after(() => {
    runs.dispose();
    log.dispose();
    rmSync(directory, { recursive: true });
  });

  it('is the only one where none is named', async () => {
    assert.equal((await picked(undefined)).directory, directory);
    assert.equal((await picked({ runId: '' })).directory, directory);
  });

  it('is never another one than the one it names', async () => {
    const { id } = await picked(undefined);
    assert.equal((await picked({ runId: id })).id, id);
    await assert.rejects(picked({ runId: 'gone' }), /Run gone is not there\./);
    await assert.rejects(picked({ runId: 'gone', step: 10 }), /Run gone is not there\./);
  });
});
