/** What a person is asked before a language model starts a run: what is trained, on what, for how long, and where it is written. */
import * as vscode from 'vscode';
import { NodeFileSystem } from '../../engine/common/file_system.ts';
import { readRunConfig } from '../../engine/runs/config_file.ts';
import { resolveConfigPaths, resolveRunConfig } from '../../engine/runs/resolve_config.ts';
import type { ConfigSource } from '../../protocol/engine_rpc.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import { shownLines } from '../common/shown_text.ts';

/**
 * @param file as the language model named it
 * @throws LatroError `config-invalid` for what could not be trained anyway
 */
export async function startRunQuestion(file: string, source: ConfigSource): Promise<vscode.PreparedToolInvocation> {
  const { l10n } = vscode;
  const { model, adapter, dataset, steps, epochs, outputDirectory } = await configOf(source);
  // Names are shown, never interpreted.
  const message = shownLines([
    l10n.t('Train with {0}.', file),
    l10n.t('Model: {0}', model),
    ...(adapter === undefined ? [] : [l10n.t('Adapter to begin with: {0}', adapter)]),
    l10n.t('Training questions: {0}', dataset.train),
    steps === null ? l10n.t('Length: {0} epochs', epochs ?? '?') : l10n.t('Length: {0} updates', steps),
    l10n.t('Written to: {0}', outputDirectory),
  ]);
  return {
    invocationMessage: l10n.t('Starting a training run'),
    confirmationMessages: { title: l10n.t('Start a training run?'), message: new vscode.MarkdownString(message) },
  };
}

/** With the preset's values filled in, and absolute paths. */
async function configOf(source: ConfigSource): Promise<RunConfig> {
  if (source.kind === 'file') return (await readRunConfig(new NodeFileSystem(), source.path)).config;
  return resolveConfigPaths(resolveRunConfig(source.config, 'the configuration').config, source.baseDirectory);
}
