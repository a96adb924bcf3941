import path from 'node:path';
import * as vscode from 'vscode';
import type { RequestResult } from '../../protocol/engine_rpc.ts';
import { EngineRequestError } from '../engine/engine_client.ts';
import { transferText } from '../engine/progress_text.ts';
import type { HubToken } from './hub_token.ts';
import type { CommandServices } from './services.ts';

/** What a hub answers who may not read; a token may mend it. */
const NEEDS_TOKEN = ['hub-access', 'hub-gated'];

/**
 * Downloads a model or a dataset into the workspace; the engine does it, because the extension host never uses the network. An argument
 * is only proposed: a link must not start a download by itself.
 */
export async function pullFromHub(services: CommandServices, token: HubToken, argument: unknown): Promise<void> {
  const { workspace, jobs, reporter } = services;
  const { l10n } = vscode;
  const source = await vscode.window.showInputBox({
    title: l10n.t('Model or dataset to download'),
    prompt: l10n.t('OWNER/MODEL or datasets/OWNER/NAME, with @REVISION for another than the newest'),
    placeHolder: 'HuggingFaceTB/SmolLM2-135M-Instruct',
    ignoreFocusOut: true,
    ...(typeof argument === 'string' ? { value: argument } : {}),
  });
  if (source === undefined || source.trim() === '') return;
  const secret = await token.value();
  try {
    const pulled = await jobs.withProgress(
      l10n.t('LaTRO: downloading {0}', source.trim()),
      ({ client, jobId, signal }) => client.request('pull', { jobId, source, base: workspace, token: secret }, signal),
    );
    tell(services, pulled);
  } catch (error) {
    if (!(error instanceof EngineRequestError) || !NEEDS_TOKEN.includes(error.failure.code)) throw error;
    const run = () => vscode.commands.executeCommand('latro.setHubToken');
    reporter.showFailure(error.failure, { title: l10n.t('Set Access Token…'), run });
  }
}

function tell({ settings, reporter }: CommandServices, { kind, folder, files }: RequestResult<'pull'>): void {
  const { l10n } = vscode;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const message = l10n.t(
    '{0}: {1} files, {2}, checked byte by byte.',
    vscode.workspace.asRelativePath(folder),
    files.length,
    transferText(bytes),
  );
  const rows = files.find((file) => /\.(jsonl|ndjson|json)$/i.test(file.path));
  if (kind === 'model') {
    reporter.showInformation(message, {
      title: l10n.t('Use This Model'),
      run: () => settings.setModelFolder(folder),
    });
  } else if (rows === undefined) {
    reporter.showInformation(message, {
      title: l10n.t('Reveal in Explorer'),
      run: () => vscode.commands.executeCommand('revealInExplorer', vscode.Uri.file(folder)),
    });
  } else {
    const file = vscode.Uri.file(path.join(folder, ...rows.path.split('/')));
    reporter.showInformation(message, { title: l10n.t('Open'), run: () => vscode.window.showTextDocument(file) });
  }
}
