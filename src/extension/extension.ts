/**
 * The composition root: what the extension consists of, made in order of dependence. Nothing here starts or loads the engine; a run that
 * is alive already is looked for once the window has drawn itself.
 */
import path from 'node:path';
import * as vscode from 'vscode';
import { systemClock } from '../engine/common/clock.ts';
import { LatroError } from '../engine/common/errors.ts';
import { NodeFileSystem } from '../engine/common/file_system.ts';
import { COMMANDS, type CommandHandlers, type CommandId } from './command_ids.ts';
import { chooseModel } from './commands/choose_model.ts';
import { pickAnyPair, pickOtherPair, pickPair } from './commands/compare.ts';
import { convertToJsonLines } from './commands/convert_to_json_lines.ts';
import { diagnose } from './commands/diagnose.ts';
import { evaluateDataset } from './commands/evaluate.ts';
import { exportRun } from './commands/export_run.ts';
import { HubToken } from './commands/hub_token.ts';
import { pullFromHub } from './commands/pull.ts';
import { rollBack } from './commands/roll_back.ts';
import { pauseRun, stopRun } from './commands/run_commands.ts';
import { type CommandServices, pickRun } from './commands/services.ts';
import { showRationales } from './commands/show_rationales.ts';
import { resumeRun, tellHowItWent, trainOnDataset } from './commands/train.ts';
import { ContextKeys } from './context_keys.ts';
import { openEditorFeatures } from './editor_features.ts';
import { EngineSupervisor } from './engine/engine_supervisor.ts';
import { JobRunner } from './engine/job_runner.ts';
import { inUse } from './in_use.ts';
import { tellJsonDatasets } from './inline/dataset_menus.ts';
import { DocumentIndexes } from './inline/document_indexes.ts';
import { LargeFileStatus } from './inline/large_file_status.ts';
import { RowDiagnostics } from './inline/row_diagnostics.ts';
import { accuracyKind } from './panels/accuracy_diff.ts';
import { PanelGroup } from './panels/panel_group.ts';
import { dashboardKind } from './panels/run_dashboard.ts';
import { CursorQuestion } from './rationales/cursor_question.ts';
import { nearestSampled } from './rationales/nearest_sampled.ts';
import { PanelChoices } from './rationales/panel_choices.ts';
import { QuestionSource } from './rationales/question_source.ts';
import { RatingStore } from './rationales/rating_store.ts';
import { RationaleStore } from './rationales/rationale_store.ts';
import { RationaleView } from './rationales/rationale_view.ts';
import { Reporter } from './reporter.ts';
import type { EvaluationPair } from './runs/evaluation_pairs.ts';
import { RunsTree } from './runs/runs_tree.ts';
import { RunsWatcher } from './runs/runs_watcher.ts';
import { StepDocuments } from './runs/step_documents.ts';
import { StoredEvaluations } from './runs/stored_evaluations.ts';
import { Settings } from './settings.ts';
import { StatusBar } from './status_bar.ts';
import { StatusItem } from './status_item.ts';
import { watchEngine } from './watch_engine.ts';

/** Of the log channel, and of its file. */
const LOG_NAME = 'LaTRO Studio';

export function activate(context: vscode.ExtensionContext): void {
  const started = performance.now();
  const log = vscode.window.createOutputChannel(LOG_NAME, { log: true });
  const reporter = new Reporter(log);
  const datasets = new DocumentIndexes();
  const status = new StatusItem(vscode.window.createStatusBarItem('latro.status', vscode.StatusBarAlignment.Left));
  context.subscriptions.push(log, datasets, status, new RowDiagnostics(datasets, log), new LargeFileStatus(status));
  const token = new HubToken(context.secrets, reporter);
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file');
  const studio = folder && openStudio(context, folder, { datasets, log, reporter, token, status });
  registerCommands(context, reporter, {
    ...(studio?.commands ?? withoutFolder()),
    'latro.setHubToken': () => token.ask(),
    'latro.clearHubToken': () => token.clear(),
    'latro.openLog': async () => log.show(),
    'latro.diagnose': () => diagnose({ context, token, logName: LOG_NAME, folder: studio }),
    'latro.openWalkthrough': async () => {
      await vscode.commands.executeCommand('workbench.action.openWalkthrough', `${context.extension.id}#start`);
    },
  });
  log.info(`activated in ${(performance.now() - started).toFixed(0)} ms`);
}

/** Work without a folder, in any workspace, trusted or not. */
const HARMLESS = [
  'latro.setHubToken',
  'latro.clearHubToken',
  'latro.openLog',
  'latro.diagnose',
  'latro.openWalkthrough',
] as const;
type StudioCommands = Omit<CommandHandlers, (typeof HARMLESS)[number]>;

/** What a window has with and without a folder. */
interface WindowParts {
  readonly datasets: DocumentIndexes;
  readonly log: vscode.LogOutputChannel;
  readonly reporter: Reporter;
  readonly token: HubToken;
  readonly status: StatusItem;
}

interface Studio {
  readonly workspace: string;
  readonly engine: EngineSupervisor;
  readonly commands: StudioCommands;
}

/** Everything that belongs to a folder. */
function openStudio(
  context: vscode.ExtensionContext,
  folder: vscode.WorkspaceFolder,
  { datasets, log, reporter, token, status }: WindowParts,
): Studio {
  const { extensionUri, workspaceState: memento, subscriptions } = context;
  const track = <T extends vscode.Disposable>(part: T): T => {
    subscriptions.push(part);
    return part;
  };
  const workspace = folder.uri.fsPath;
  const settings = new Settings(folder, context.extensionPath);
  const engine = track(
    new EngineSupervisor({
      workspace,
      entry: engineEntry(context),
      version: (context.extension.packageJSON as { version: string }).version,
      log,
    }),
  );
  const runs = track(new RunsWatcher(workspace, log));
  const jobs = new JobRunner(engine);
  const services: CommandServices = { workspace, settings, runs, engine, jobs, reporter };

  const panels = { extensionUri, memento, reporter, log };
  const evaluations = new StoredEvaluations(runs, runs.evaluationsFolder, log);
  const choose = (shown: EvaluationPair) => pickOtherPair(evaluations, shown);
  const accuracy = track(new PanelGroup(panels, accuracyKind({ evaluations, reporter, choose })));
  const steps = track(new StepDocuments(runs, reporter, engine.jobs));
  const openStep = steps.show.bind(steps);
  const dashboards = track(new PanelGroup(panels, dashboardKind({ runs, engine, reporter, openStep })));

  const cursor = track(new CursorQuestion());
  const files = new NodeFileSystem();
  const ratings = new RatingStore(files, () => systemClock.iso());
  const choices = new PanelChoices(memento);
  const kept = path.join(workspace, '.latro', 'rationales');
  const warn = (message: string) => log.warn(message);
  const store = new RationaleStore(files, kept, warn, undefined, () => choices.allPins());
  const source = new QuestionSource({ runs, store, ratings, choices, model: () => settings.requireModelFolder() });
  const rationales = track(
    new RationaleView({ extensionUri, cursor, runs, engine, settings, ratings, source, choices, reporter, log }),
  );
  track(vscode.window.registerWebviewViewProvider('latro.rationales', rationales));
  const nearest = (document: vscode.TextDocument, at: vscode.Position) =>
    nearestSampled(document, at, { runs, source });
  const runsTree = track(
    vscode.window.createTreeView('latro.runs', { treeDataProvider: track(new RunsTree(runs, engine.jobs)) }),
  );
  const features = track(openEditorFeatures({ ...services, extensionUri, datasets, ratings, log }));
  const keys = track(new ContextKeys((key, value) => void vscode.commands.executeCommand('setContext', key, value)));
  track(new StatusBar(status, engine.jobs, settings, keys, inUse({ runsTree, runs, datasets })));
  track(tellJsonDatasets(datasets, keys));
  track(watchEngine({ engine, runs, jobs, reporter, tell: (run) => tellHowItWent(services, run) }));

  const openDashboard = async (argument: unknown): Promise<void> => {
    const { id } = await pickRun(services, argument, () => true, vscode.l10n.t('Run to open'));
    await dashboards.show({ runId: id });
  };

  const begin = () => {
    runs.start().catch((error: unknown) => reporter.report(error));
    engine.attach().catch((error: unknown) => reporter.report(error));
    features.begin();
  };
  // Nothing of an untrusted workspace is read but the text in its editors.
  if (vscode.workspace.isTrusted) {
    features.offer();
    setImmediate(begin);
  } else {
    track(
      vscode.workspace.onDidGrantWorkspaceTrust(() => {
        features.offer();
        begin();
      }),
    );
  }

  const commands: StudioCommands = {
    ...features.commands,
    'latro.chooseModel': () => chooseModel(services),
    'latro.trainOnDataset': (argument) => trainOnDataset(services, argument),
    'latro.evaluate': (argument) => evaluateDataset(services, argument),
    'latro.showRationales': (argument) => showRationales({ cursor, panel: rationales, nearest }, argument),
    'latro.sampleQuestion': () => rationales.sampleUnderCursor(),
    'latro.pauseRun': (argument) => pauseRun(services, argument),
    'latro.stopRun': (argument) => stopRun(services, argument),
    'latro.resumeRun': (argument) => resumeRun(services, argument),
    'latro.rollBack': (argument) => rollBack(services, argument),
    'latro.exportRun': (argument) => exportRun(services, argument),
    'latro.convertToJsonLines': (argument) => convertToJsonLines(argument),
    'latro.pull': (argument) => pullFromHub(services, token, argument),
    'latro.compare': async (argument) => accuracy.show(await pickPair(evaluations, argument)),
    'latro.compareAny': async (argument) => accuracy.show(await pickAnyPair(evaluations, argument)),
    'latro.openRunDashboard': openDashboard,
    // A list that is drawn anew has no selection for a moment: the person is asked then.
    'latro.openSelectedRun': () => openDashboard(runsTree.selection[0]),
  };
  return { workspace, engine, commands };
}

/** The bundled engine; the extension's own tests may put another in its place. */
function engineEntry(context: vscode.ExtensionContext): string {
  const ofTest = context.extensionMode === vscode.ExtensionMode.Test ? process.env.LATRO_TEST_ENGINE : undefined;
  return ofTest ?? path.join(context.extensionPath, 'dist', 'engine.cjs');
}

function withoutFolder(): StudioCommands {
  const refuse = async (): Promise<never> => {
    const { l10n } = vscode;
    throw new LatroError('bad-request', l10n.t('No folder is open.'), l10n.t('Open one; runs are kept in it.'));
  };
  return Object.fromEntries(COMMANDS.map((id) => [id, refuse])) as unknown as StudioCommands;
}

/** A hidden command can be called all the same, so each is guarded here too. */
function registerCommands(context: vscode.ExtensionContext, reporter: Reporter, handlers: CommandHandlers): void {
  for (const id of COMMANDS) {
    const run = async (argument: unknown) => {
      try {
        if (!vscode.workspace.isTrusted && !isHarmless(id)) {
          const { l10n } = vscode;
          const next = l10n.t('Trust it to load models, sample and train.');
          throw new LatroError('bad-request', l10n.t('This workspace is not trusted.'), next);
        }
        await handlers[id](argument);
      } catch (error) {
        reporter.report(error);
      }
    };
    context.subscriptions.push(vscode.commands.registerCommand(id, run));
  }
}

const isHarmless = (id: CommandId): boolean => (HARMLESS as readonly CommandId[]).includes(id);
