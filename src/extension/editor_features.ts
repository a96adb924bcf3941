/** The part of the composition root that adds to VS Code's own surfaces: editors, comments, trees, tasks, tests, language models. */
import { comments, type Disposable, type LogOutputChannel, l10n, tasks, tests, type Uri, window } from 'vscode';
import { systemClock } from '../engine/common/clock.ts';
import { NodeFileSystem } from '../engine/common/file_system.ts';
import type { CommandHandlers } from './command_ids.ts';
import { openStarter } from './commands/open_starter.ts';
import type { CommandServices } from './commands/services.ts';
import { DisposableStore } from './common/disposables.ts';
import { DatasetResults } from './inline/dataset_results.ts';
import type { DocumentIndexes } from './inline/document_indexes.ts';
import { showInlineResults } from './inline/inline_results.ts';
import { PromptPreviews } from './inline/prompt_preview.ts';
import { isModelNode, ModelsTree } from './models/models_tree.ts';
import { noteAuthor } from './notes/note_author.ts';
import { NoteStore } from './notes/note_store.ts';
import { NoteThreads } from './notes/note_threads.ts';
import type { RatingStore } from './rationales/rating_store.ts';
import { LatroTasks } from './tasks/latro_tasks.ts';
import { EvaluationTests } from './testing/evaluation_tests.ts';
import { registerTools } from './tools/language_model_tools.ts';

export interface EditorServices extends CommandServices {
  readonly extensionUri: Uri;
  readonly datasets: DocumentIndexes;
  readonly ratings: RatingStore;
  readonly log: LogOutputChannel;
}

export interface EditorFeatures extends Disposable {
  /**
   * Registers what VS Code wakes the extension for and looks for as soon as it is awake: tools and tasks. To be called while it is activated,
   * once the workspace is trusted.
   */
  offer(): void;
  /** To be called once the workspace is trusted: nothing of it is read before. */
  begin(): void;
  readonly commands: Pick<CommandHandlers, EditorCommand>;
}

type EditorCommand =
  | 'latro.openStarter'
  | 'latro.previewPrompt'
  | 'latro.addNote'
  | 'latro.editNote'
  | 'latro.saveNote'
  | 'latro.cancelNote'
  | 'latro.deleteNote'
  | 'latro.useModel';

export function openEditorFeatures(services: EditorServices): EditorFeatures {
  const { settings, runs, engine, datasets, log, extensionUri, ratings, reporter } = services;
  const store = new DisposableStore();
  const results = store.add(new DatasetResults(runs, runs.evaluationsFolder, log));
  const prompts = store.add(new PromptPreviews(services, results));
  const files = new NodeFileSystem();
  const notes = new NoteStore(files, () => systemClock.iso(), noteAuthor);
  let threads: NoteThreads | undefined;
  const models = store.add(new ModelsTree(services));
  store.add(window.createTreeView('latro.models', { treeDataProvider: models }));

  return {
    offer() {
      store.add(tasks.registerTaskProvider('latro', new LatroTasks(services)));
      store.add(registerTools(services));
    },
    begin() {
      store.add(showInlineResults(datasets, results, engine.jobs, extensionUri));
      const controller = comments.createCommentController('latro.notes', l10n.t('LaTRO notes'));
      threads = store.add(new NoteThreads({ indexes: datasets, notes, ratings, files, reporter, controller }));
      const sets = tests.createTestController('latro.evaluations', l10n.t('LaTRO evaluation sets'));
      store.add(new EvaluationTests(services, results, sets));
    },
    commands: {
      'latro.openStarter': () => openStarter(services),
      'latro.previewPrompt': (argument) => prompts.show(argument),
      'latro.addNote': async (reply) => threads?.add(reply),
      'latro.editNote': async (comment) => threads?.edit(comment),
      'latro.saveNote': async (comment) => threads?.save(comment),
      'latro.cancelNote': async (comment) => threads?.cancelEdit(comment),
      'latro.deleteNote': async (comment) => threads?.remove(comment),
      'latro.useModel': async (node) => {
        if (isModelNode(node)) await settings.setModelFolder(node.folder);
      },
    },
    dispose: () => store.dispose(),
  };
}
