/** A run whose latro.json names an output folder of its own: no list has it, and all that can be done with any other can be with it. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { type CommandServices, pickRun } from '../../src/extension/commands/services.ts';
import { resumeRun, tellHowItWent } from '../../src/extension/commands/train.ts';
import { ContextKeys } from '../../src/extension/context_keys.ts';
import type { EndedRun, StartedRun } from '../../src/extension/engine/job_runner.ts';
import { JobTracker } from '../../src/extension/engine/job_tracker.ts';
import { dashboardKind } from '../../src/extension/panels/run_dashboard.ts';
import type { MessageAction } from '../../src/extension/reporter.ts';
import { RunsWatcher } from '../../src/extension/runs/runs_watcher.ts';
import { StepDocuments } from '../../src/extension/runs/step_documents.ts';
import { Settings } from '../../src/extension/settings.ts';
import { StatusBar } from '../../src/extension/status_bar.ts';
import { StatusItem } from '../../src/extension/status_item.ts';
import type { DashboardHostMessage } from '../../src/protocol/panel_messages.ts';
import { JOB, Notifications } from '../support/engine_notifications.ts';
import { eventually } from '../support/eventually.ts';
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
  let jobs: JobTracker;
  let run: StartedRun;
  let services: CommandServices;
  let told: [string, ...MessageAction[]][];
  /** Jobs that went on, and as which run. */
  let continued: [string, StartedRun][];
  /** Directories of runs that were started anew from where they had got to. */
  let resumed: string[];

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
    resumed = [];
    change(run.runDirectory, { status: 'finished' });
    jobs = new JobTracker();
    engine = new Notifications();
    jobs.follow(engine);
    const client = { request: async (_: string, { runDirectory }: StartedRun) => void resumed.push(runDirectory) };
    const ended: EndedRun = { ...run, end: 'finished' };
    services = {
      runs,
      engine: { jobs },
      jobs: {
        continue: async (_: string, { jobId }: { jobId: string }, as: StartedRun) => {
          continued.push([jobId, as]);
          return ended;
        },
        train: async (_: string, start: (job: { readonly client: typeof client }) => Promise<void>) => {
          await start({ client });
          return ended;
        },
      },
      settings: { notifiesWhenRunEnds: true },
      reporter: {
        showInformation: (...args: (typeof told)[number]) => void told.push(args),
        describe: ({ message }: Error) => ({ code: 'internal', reason: message, nextStep: '' }),
      },
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
  /** As a job leaves it that is stopped. */
  const stop = () => {
    engine.send('jobChanged', { ...JOB, ...run });
    change(run.runDirectory, { status: 'stopped' });
    engine.send('jobEnded', { ...JOB, ...run, outcome: { type: 'cancelled' } });
  };

  it('is said to be paused where it is, and the message goes on with its job', async () => {
    pause();
    await tellHowItWent(services, { ...run, end: 'paused' });
    const [message, ...actions] = told[0]!;
    assert.equal(message, `The run is paused. It is in ${run.runDirectory}, which is not listed here.`);
    assert.deepEqual(
      actions.map(({ title }) => title),
      ['Resume', 'Open Dashboard', "Don't Show Again"],
    );
    await actions[0]!.run();
    assert.deepEqual(continued, [[JOB.jobId, run]]);
    const [atTheEnd] = told.at(-1)!;
    assert.equal(atTheEnd, `The run has ended. It is in ${run.runDirectory}, which is not listed here.`);
  });

  it('is said to be stopped where it is, and the message resumes it from its directory', async () => {
    stop();
    await tellHowItWent(services, { ...run, end: 'stopped' });
    const [message, ...actions] = told[0]!;
    assert.equal(message, `The run was stopped. It is in ${run.runDirectory}, which is not listed here.`);
    assert.deepEqual(
      actions.map(({ title }) => title),
      ['Resume', 'Open Dashboard', "Don't Show Again"],
    );
    await actions[0]!.run();
    assert.deepEqual([resumed, continued], [[run.runDirectory], []]);
  });

  it('is the one to resume after it was stopped or its engine is gone, and not once it has finished', async () => {
    stop();
    await resumeRun(services, undefined);
    assert.deepEqual(resumed, [run.runDirectory]);
    change(run.runDirectory, { status: 'finished' });
    await assert.rejects(resumeRun(services, undefined), /There is no run for this/);
    engine.send('jobChanged', { ...JOB, ...run });
    change(run.runDirectory, { status: 'running' });
    jobs.abandon();
    jobs.follow(new Notifications());
    await resumeRun(services, undefined);
    assert.deepEqual(resumed, [run.runDirectory, run.runDirectory]);
  });

  it('has a dashboard, to which the status bar leads, with its updates: while it is trained and after it was stopped', async () => {
    const item = vscode.window.createStatusBarItem('test', vscode.StatusBarAlignment.Left);
    const settings = new Settings(vscode.workspace.workspaceFolders?.[0], extension().extensionPath);
    const use = { isInUse: () => false, listen: () => [] };
    const bar = new StatusBar(new StatusItem(item), jobs, settings, new ContextKeys(() => {}), use);
    engine.send('jobEnded', { ...JOB, outcome: { type: 'ok' } });
    engine.send('jobChanged', { ...JOB, ...run });
    const { arguments: [argument] = [] } = item.command as vscode.Command;
    const { reporter } = services;
    const steps = new StepDocuments(runs, reporter, jobs);
    const { id } = await pickRun(services, argument, () => true, '');
    let shown: Extract<DashboardHostMessage, { readonly type: 'snapshot' }>['snapshot'] | undefined;
    const post = (message: DashboardHostMessage) => {
      if (message.type === 'snapshot') shown = message.snapshot;
    };
    const openStep = async () => {};
    const kind = dashboardKind({ runs, engine: services.engine, reporter, openStep });
    const dashboard = kind.open({ runId: id }, { post, become: async () => false });
    const look = async () => {
      shown = undefined;
      await dashboard.obey({ type: 'ready' });
      const snapshot = await eventually(() => shown);
      assert.ok(snapshot.kind === 'run', JSON.stringify(snapshot));
      return snapshot;
    };
    try {
      const { runId, rolloutSteps, controls } = await look();
      assert.deepEqual([runId, rolloutSteps], [run.runId, [1, 10]]);
      assert.ok(controls.includes('stop'), controls.join());
      stop();
      const after = await look();
      assert.deepEqual([after.status, after.rolloutSteps], ['stopped', [1, 10]]);
      assert.ok(after.controls.includes('resume'), after.controls.join());
      assert.equal((await pickRun(services, { runId }, () => true, '')).directory, run.runDirectory);
      const uri = vscode.Uri.from({ scheme: 'latro-rollouts', path: `/${runId}/step-10.latro-rollouts` });
      assert.match((await steps.provideTextDocumentContent(uri)) ?? '', /^Step 10 of run run-elsewhere\n/);
    } finally {
      for (const each of [dashboard, steps, bar, item]) each.dispose();
    }
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
