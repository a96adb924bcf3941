import path from 'node:path';
import * as v from 'valibot';
import * as vscode from 'vscode';
import type { ExportKind } from '../../protocol/engine_rpc.ts';
import { RunExport } from '../../protocol/panel_messages.ts';
import type { RunSummary } from '../../protocol/run_record.ts';
import { freeName } from '../common/free_name.ts';
import { engineText } from '../engine/engine_text.ts';
import { exportsOf, metricsCsv, reportMarkdown } from '../runs/run_report.ts';
import { canExport, statusText } from '../runs/run_text.ts';
import { type CommandServices, pickRun } from './services.ts';

const Chosen = v.object({ runId: v.string(), what: RunExport });

/** Exports what a run made: its adapter or a whole model into a new folder, its metrics or a report into an editor. */
export async function exportRun(services: CommandServices, argument: unknown): Promise<void> {
  const { l10n } = vscode;
  const run = await pickRun(services, argument, canExport, l10n.t('Run to export'));
  const what = v.is(Chosen, argument) ? argument.what : await pickWhat(services, run);
  const directory = services.runs.directory(run);
  switch (what) {
    case 'adapter':
    case 'merged':
      return await exportWeights(services, run, what);
    case 'metrics-csv':
      return await show('csv', metricsCsv((await directory.events()).records));
    case 'report': {
      const words = { l10n, engineText, statusText };
      const { records } = await directory.events();
      return await show('markdown', reportMarkdown(await directory.record(), records, words));
    }
  }
}

async function pickWhat({ runs }: CommandServices, run: RunSummary): Promise<RunExport> {
  const { l10n } = vscode;
  const labels: Record<RunExport, [label: string, detail: string]> = {
    adapter: [l10n.t('Adapter (PEFT)'), l10n.t('Small; loads on top of the model the run trained.')],
    merged: [l10n.t('Merged model'), l10n.t('A whole Hugging Face model folder with the adapter in its weights.')],
    'metrics-csv': [l10n.t('Metrics as CSV'), l10n.t('One line per update.')],
    report: [l10n.t('Report as Markdown'), l10n.t('Settings, results, health warnings and metrics.')],
  };
  const items = exportsOf((await runs.directory(run).record()).config).map((what) => {
    const [label, detail] = labels[what];
    return { label, detail, what };
  });
  const picked = await vscode.window.showQuickPick(items, { title: l10n.t('What to export') });
  if (picked === undefined) throw new vscode.CancellationError();
  return picked.what;
}

async function exportWeights(services: CommandServices, run: RunSummary, to: ExportKind): Promise<void> {
  const { workspace, jobs, settings, reporter } = services;
  const { l10n } = vscode;
  const folder = await vscode.window.showSaveDialog({
    // The engine writes over nothing.
    defaultUri: vscode.Uri.file(freeName(path.join(workspace, `${run.id}-${to}`))),
    saveLabel: l10n.t('Export'),
    title: l10n.t('New folder to write'),
  });
  if (folder === undefined) return;
  const out = folder.fsPath;
  const title = l10n.t('LaTRO: exporting {0}', run.id);
  const { step } = await jobs.withProgress(title, ({ client, jobId, signal }) =>
    client.request('exportRun', { jobId, runDirectory: run.directory, to, out, checkpoint: null }, signal),
  );
  const use = { title: l10n.t('Use This Model'), run: () => settings.setModelFolder(out) };
  const reveal = {
    title: l10n.t('Reveal in Explorer'),
    run: () => vscode.commands.executeCommand('revealInExplorer', folder),
  };
  const message = l10n.t('The weights of step {0} are in {1}.', step, vscode.workspace.asRelativePath(folder));
  reporter.showInformation(message, ...(to === 'merged' ? [use] : []), reveal);
}

/** Unsaved, in the editor: the person sees what it is before it becomes a file. */
async function show(language: string, content: string): Promise<void> {
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language, content }));
}
