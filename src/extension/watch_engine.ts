/** What the window says of an engine it did not ask: one message when it dies, one when a run that outlived a window ends. */
import * as vscode from 'vscode';
import type { Disposable } from './common/disposables.ts';
import { DisposableStore } from './common/disposables.ts';
import type { EngineCrash, EngineSupervisor } from './engine/engine_supervisor.ts';
import type { EndedRun, JobRunner } from './engine/job_runner.ts';
import type { Reporter } from './reporter.ts';
import type { RunsWatcher } from './runs/runs_watcher.ts';

export function watchEngine(services: {
  readonly engine: EngineSupervisor;
  readonly runs: RunsWatcher;
  readonly jobs: JobRunner;
  readonly reporter: Reporter;
  readonly tell: (run: EndedRun) => Promise<void>;
}): Disposable {
  const { engine, runs, jobs, reporter, tell } = services;
  const store = new DisposableStore();
  store.add(
    engine.onCrashed((crash) => {
      runs.refreshSoon();
      tellCrash(reporter, crash);
    }),
  );
  // A run writes its files before it says so; file watchers of a busy machine lag behind.
  store.add(engine.jobs.onChanged(() => runs.refreshSoon()));
  store.add(
    engine.jobs.onEnded(({ jobId, runId, runDirectory, outcome }) => {
      runs.refreshSoon();
      if (jobs.isOwn(jobId) || runId === null || runDirectory === null) return;
      if (outcome.type === 'ok')
        tell({ runId, runDirectory, end: 'finished' }).catch((error) => reporter.report(error));
      if (outcome.type === 'error') reporter.showFailure(outcome);
    }),
  );
  return store;
}

function tellCrash(reporter: Reporter, { jobs }: EngineCrash): void {
  const { l10n } = vscode;
  const run = jobs.find(({ runId }) => runId !== null);
  if (run === undefined) {
    reporter.showError(l10n.t('The LaTRO engine ended unexpectedly. It starts again when it is needed.'));
    return;
  }
  const resume = {
    title: l10n.t('Resume'),
    run: () => vscode.commands.executeCommand('latro.resumeRun', { runId: run.runId }),
  };
  const message = l10n.t(
    'The LaTRO engine ended unexpectedly while it trained {0}. The run can be resumed.',
    run.runId ?? '',
  );
  reporter.showError(message, resume);
}
