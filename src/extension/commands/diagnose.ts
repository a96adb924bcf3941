/** Opens all that a report of a bug needs, to be read, shortened and sent by the person. Nothing is sent, and no engine is started. */
import { execFile } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import { availableMemory } from '../../engine/common/memory.ts';
import { engineRecordFile, readEngineRecord } from '../../protocol/engine_record.ts';
import { PROTOCOL_VERSION } from '../../protocol/engine_rpc.ts';
import { diagnosisText, type Fact } from '../diagnosis.ts';
import { engineLogFile, logTail, plainNodeEnvironment } from '../engine/engine_launcher.ts';
import type { EngineSupervisor } from '../engine/engine_supervisor.ts';
import type { HubToken } from './hub_token.ts';

const LOG_LINES = 40;
/** A device that does not answer is a finding too. */
const DEVICE_MILLISECONDS = 60_000;

export interface DiagnosisServices {
  readonly context: vscode.ExtensionContext;
  readonly token: HubToken;
  /** Name of the log channel. */
  readonly logName: string;
  /** Undefined without a folder. */
  readonly folder: { readonly workspace: string; readonly engine: EngineSupervisor } | undefined;
}

export async function diagnose(services: DiagnosisServices): Promise<void> {
  const location = vscode.ProgressLocation.Window;
  const title = vscode.l10n.t('LaTRO: looking at this machine');
  const content = await vscode.window.withProgress({ location, title }, () => report(services));
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language: 'markdown', content }));
}

async function report({ context, token, logName, folder }: DiagnosisServices): Promise<string> {
  const { isTrusted } = vscode.workspace;
  const trusted = <T>(look: () => T): T | null => (isTrusted ? look() : null);
  const record =
    isTrusted && folder !== undefined ? await readEngineRecord(engineRecordFile(folder.workspace)) : undefined;
  const tokens = [await token.value(), process.env.HF_TOKEN, process.env.HUGGING_FACE_HUB_TOKEN, record?.token];
  const facts = {
    versions: versions(context),
    machine: machine(),
    workspace: workspaceFacts(),
    settings: trusted(() => settingsInForce(context)),
    devices: await trusted(() => devices(context.extensionPath)),
    engine: await trusted(() => engineFacts(folder?.engine)),
    log: await logTail(path.join(context.logUri.fsPath, `${logName}.log`), LOG_LINES),
    engineLog: await trusted(async () =>
      folder === undefined ? [] : await logTail(engineLogFile(folder.workspace), LOG_LINES),
    ),
  };
  return diagnosisText(facts, { home: os.homedir(), tokens: tokens.flatMap((each) => each ?? []) });
}

function versions({ extension }: vscode.ExtensionContext): Fact[] {
  const { appName, appHost, language, remoteName, uiKind } = vscode.env;
  const { version } = extension.packageJSON as { version: string };
  const { node, electron } = process.versions;
  return [
    ['LaTRO Studio', `${version}, engine protocol ${PROTOCOL_VERSION}`],
    ['Editor', `${appName} ${vscode.version} (${appHost}, ${uiKind === vscode.UIKind.Web ? 'browser' : 'desktop'})`],
    ['Language', language],
    ['Remote', remoteName ?? 'none'],
    ['Node.js of the extension host', electron === undefined ? node : `${node}, Electron ${electron}`],
  ];
}

function machine(): Fact[] {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  return [
    ['System', `${os.type()} ${os.release()}, ${process.platform} ${process.arch}`],
    ['Processor', `${os.cpus()[0]?.model.trim() ?? 'unknown'}, ${os.availableParallelism()} threads`],
    ['Memory', `${gigabytes(availableMemory())} of ${gigabytes(os.totalmem())} free`],
  ];
}

/** No names of folders: they may be anybody's. */
function workspaceFacts(): Fact[] {
  const { workspaceFolders = [], isTrusted } = vscode.workspace;
  const schemes = [...new Set(workspaceFolders.map(({ uri }) => uri.scheme))];
  return [
    ['Folders', workspaceFolders.length === 0 ? 'none' : `${workspaceFolders.length} (${schemes.join(', ')})`],
    ['Trusted', isTrusted ? 'yes' : 'no'],
  ];
}

function settingsInForce({ extension }: vscode.ExtensionContext): Fact[] {
  const { contributes } = extension.packageJSON as {
    contributes: { configuration: { properties: Readonly<Record<string, { readonly default: unknown }>> } };
  };
  const all = vscode.workspace.getConfiguration(undefined, vscode.workspace.workspaceFolders?.[0]?.uri);
  return Object.entries(contributes.configuration.properties).map(([name, property]) => {
    const value = JSON.stringify(all.get(name));
    return [`\`${name}\``, value === JSON.stringify(property.default) ? `\`${value}\` (default)` : `\`${value}\``];
  });
}

/** As `latro devices` finds them: each is tried in a process of its own, which may die of it. */
async function devices(extensionPath: string): Promise<string[]> {
  const program = path.join(extensionPath, 'dist', 'cli.cjs');
  const options = { cwd: extensionPath, env: plainNodeEnvironment(), timeout: DEVICE_MILLISECONDS, windowsHide: true };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, 'devices'], options);
    return `${stdout}${stderr}`.split('\n').filter((line) => line.trim() !== '');
  } catch (error) {
    return [`They could not be tried: ${error instanceof Error ? error.message : String(error)}`];
  }
}

async function engineFacts(engine: EngineSupervisor | undefined): Promise<Fact[]> {
  if (engine === undefined) return [['State', 'no folder is open']];
  try {
    const client = await engine.attach();
    if (client === undefined) return [['State', 'not running']];
    const { pid, engineVersion, protocolVersion } = client.info;
    const jobs = engine.jobs.jobs.map(({ kind, state, progress }) => {
      const done =
        progress === null ? '' : `, ${progress.phase} ${progress.done} of ${progress.total} ${progress.unit}`;
      return `${kind} (${state}${done})`;
    });
    return [
      ['State', `running as process ${pid}`],
      ['Version', `${engineVersion}, protocol ${protocolVersion}`],
      ['Jobs', jobs.length === 0 ? 'none' : jobs.join('; ')],
    ];
  } catch (error) {
    return [['State', `cannot be reached: ${error instanceof Error ? error.message : String(error)}`]];
  }
}
