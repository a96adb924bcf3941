/** A run whose latro.json names an output folder of its own: no list has it, and it can be paused like any other. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import type { CommandServices } from '../../src/extension/commands/services.ts';
import { resumeRun, tellHowItWent } from '../../src/extension/commands/train.ts';
import type { EndedRun, StartedRun } from '../../src/extension/engine/job_runner.ts';
import { JobTracker } from '../../src/extension/engine/job_tracker.ts';
import type { MessageAction } from '../../src/extension/reporter.ts';
import { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import { JOB, Notifications } from '../support/engine_notifications.ts';
import { recordRun } from '../support/recorded_run.ts';
import { extension, workspace } from './studio.ts';

/** Changes what a run's directory says of it. */
function change(runDirectory: string, change: { readonly id?: string; readonly status?: string }): void {
  const file = path.join(runDirectory, 'run.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }));
}

describe('a run of another output folder', () => {
  const { executeCommand } = vscode.commands;
  const { showQuickPick } = vscode.window;
  const log = vscode.window.createOutputChannel('Test of runs elsewhere', { log: true });
  const folder = mkdtempSync(path.join(tmpdir(), 'latro-elsewhere-'));
  let runs: RunsWatcher;
  let engine: Notifications;
  let run: StartedRun;
  let services: CommandServices;
  let told: [string, ...MessageAction[]][];
  /** Jobs that went on, and as which run. */
  let continued: [string, StartedRun][];

  before(async () => {
    await extension().activate();
    for (const name of ['train.jsonl', 'test.jsonl']) cpSync(path.join(workspace(), name), path.join(folder, name));
    // Runs that begin in one second have one name where their folders are different.
    const runDirectory = path.join(folder, 'run-elsewhere');
    renameSync(await recordRun(folder), runDirectory);
    run = { runId: path.basename(runDirectory), runDirectory };
    change(runDirectory, { id: run.runId });
    runs = new RunsWatcher(workspace(), log);
  });
  beforeEach(() => {
    told = [];
    continued = [];
    const jobs = new JobTracker();
    engine = new Notifications();
    jobs.follow(engine);
    const ended: EndedRun = { ...run, end: 'finished' };
    services = {
      runs,
      engine: { jobs },
      jobs: {
        continue: async (_: string, { jobId }: { jobId: string }, as: StartedRun) => {
          continued.push([jobId, as]);
          return ended;
        },
      },
      settings: { notifiesWhenRunEnds: true },
      reporter: { showInformation: (...args: (typeof told)[number]) => void told.push(args) },
    } as unknown as CommandServices;
    vscode.commands.executeCommand = async <T>(id: string, argument: unknown) => {
      assert.equal(id, 'latro.resumeRun');
      return (await resumeRun(services, argument)) as T;
    };
  });
  afterEach(() => {
    vscode.commands.executeCommand = executeCommand;
    vscode.window.showQuickPick = showQuickPick;
  });
  after(() => {
    runs.dispose();
    log.dispose();
    rmSync(folder, { recursive: true });
  });
  const pause = () => engine.send('jobChanged', { ...JOB, ...run, state: 'paused' });

  it('is said to be paused where it is, and the message goes on with its job', async () => {
    pause();
    await tellHowItWent(services, { ...run, end: 'paused' });
    const [message, ...actions] = told[0]!;
    assert.equal(message, `The run is paused. It is in ${run.runDirectory}, which is not listed here.`);
    assert.deepEqual(
      actions.map(({ title }) => title),
      ['Resume', "Don't Show Again"],
    );
    await actions[0]!.run();
    assert.deepEqual(continued, [[JOB.jobId, run]]);
    const [atTheEnd] = told.at(-1)!;
    assert.equal(atTheEnd, `The run has ended. It is in ${run.runDirectory}, which is not listed here.`);
  });

  it('is the one to resume where no other can be, while it is paused', async () => {
    await assert.rejects(resumeRun(services, undefined), /There is no run for this/);
    pause();
    await resumeRun(services, undefined);
    assert.deepEqual(continued, [[JOB.jobId, run]]);
  });

  it('is offered beside those of the list: none is resumed unasked', async () => {
    const listed = await recordRun(workspace());
    try {
      change(listed, { status: 'stopped' });
      pause();
      const offered: (string | undefined)[] = [];
      const pick = async (items: readonly vscode.QuickPickItem[]) => {
        offered.push(...items.map(({ detail }) => detail));
        return items.find(({ detail }) => detail === run.runId);
      };
      vscode.window.showQuickPick = pick as unknown as typeof showQuickPick;
      await resumeRun(services, undefined);
      assert.deepEqual(offered, [run.runId, path.basename(listed)]);
      assert.deepEqual(continued, [[JOB.jobId, run]]);
    } finally {
      rmSync(listed, { recursive: true });
    }
  });

  it('whose folder is gone takes no other with it', async () => {
    pause();
    engine.send('jobChanged', { ...JOB, jobId: 'gone', runId: 'gone', runDirectory: '/gone', state: 'paused' });
    await resumeRun(services, { runId: run.runId });
    assert.deepEqual(continued, [[JOB.jobId, run]]);
    await assert.rejects(resumeRun(services, { runId: 'gone' }), /Run gone is not there/);
  });
});
