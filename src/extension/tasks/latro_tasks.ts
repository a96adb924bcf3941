/** Tasks of type `latro`: train with a `latro.json` or on a dataset, and evaluate on one, from Tasks: Run or `tasks.json`. */
import * as v from 'valibot';
import * as vscode from 'vscode';
import { Cancelled, LatroError, unreachable } from '../../engine/common/errors.ts';
import { type CommandServices, modelOf } from '../commands/services.ts';
import { trainingNow } from '../commands/training_plan.ts';
import { workspaceFile } from '../common/workspace_files.ts';
import { ELSEWHERE } from '../dataset/elsewhere.ts';
import { findEvaluationFiles } from '../dataset/evaluation_files.ts';
import { savedFirst } from '../dataset/saved_first.ts';
import { EngineRequestError } from '../engine/engine_client.ts';
import { gainText, percent, stepText } from '../runs/run_text.ts';
import { JobTerminal, type TerminalJob } from './job_terminal.ts';

const TYPE = 'latro';

/** As in `tasks.json`; package.json describes the same. `file` is relative to the workspace folder, or as `asRelativePath` names it. */
const Definition = v.object({
  type: v.literal(TYPE),
  task: v.picklist(['train', 'evaluate']),
  file: v.pipe(v.string(), v.minLength(1)),
});
type Definition = v.InferOutput<typeof Definition>;

const MOST_CONFIGS = 200;

export class LatroTasks implements vscode.TaskProvider {
  readonly #services: CommandServices;

  constructor(services: CommandServices) {
    this.#services = services;
  }

  async provideTasks(): Promise<vscode.Task[]> {
    const relative = (uris: readonly vscode.Uri[]) => uris.map((uri) => vscode.workspace.asRelativePath(uri)).sort();
    const configs = relative(await vscode.workspace.findFiles('**/{latro,*.latro}.json', ELSEWHERE, MOST_CONFIGS));
    const tests = relative((await findEvaluationFiles()).shown);
    return [
      ...configs.map((file) => this.#task({ type: TYPE, task: 'train', file })),
      ...tests.map((file) => this.#task({ type: TYPE, task: 'evaluate', file })),
    ];
  }

  resolveTask({ definition }: vscode.Task): vscode.Task | undefined {
    const parsed = v.safeParse(Definition, definition);
    // The definition must be the very one VS Code asked about.
    return parsed.success ? this.#task(parsed.output, definition as Definition) : undefined;
  }

  #task(definition: Definition, own: Definition = definition): vscode.Task {
    const { engine, reporter } = this.#services;
    const { l10n } = vscode;
    const { task, file } = definition;
    const name = task === 'train' ? l10n.t('train with {0}', file) : l10n.t('evaluate on {0}', file);
    const job = task === 'train' ? this.#train(file) : this.#evaluate(file);
    const execution = new vscode.CustomExecution(async () => new JobTerminal(engine, reporter, job));
    // With no matchers named, VS Code asks which of its own should look for problems in the output.
    const made = new vscode.Task(own, vscode.TaskScope.Workspace, name, 'LaTRO', execution, []);
    made.presentationOptions = { clear: true };
    return made;
  }

  #train(file: string): TerminalJob {
    return async ({ client, jobId, signal }, say) => {
      const { l10n } = vscode;
      const { engine, runs } = this.#services;
      const what = await trainingNow(this.#services, this.#absolute(file));
      if (signal.aborted) throw new Cancelled();
      signal.addEventListener('abort', () => void client.request('stop', { jobId }).catch(() => {}));
      const ended = engine.jobs.ended(jobId);
      const { runId, runDirectory } = await client.request('train', { jobId, ...what });
      say(l10n.t('Run {0}', runId));
      const { outcome } = await ended;
      await runs.refresh();
      const run = runs.find(runId);
      // One of another output folder is listed nowhere.
      if (run === undefined) say(runDirectory);
      switch (outcome.type) {
        case 'ok':
          return say(run === undefined ? l10n.t('Finished.') : l10n.t('Finished. {0}', gainText(run)));
        case 'cancelled':
          if (run !== undefined) say(l10n.t('Stopped at {0}; it can be resumed.', stepText(run)));
          throw new Cancelled();
        case 'error':
          throw new EngineRequestError(outcome);
        case 'lost': {
          const next = l10n.t('Resume the run; what it had saved is there.');
          throw new LatroError('engine-stopped', l10n.t('The engine ended unexpectedly.'), next);
        }
        default:
          return unreachable(outcome);
      }
    };
  }

  #evaluate(file: string): TerminalJob {
    return async ({ client, jobId, signal }, say) => {
      const { settings } = this.#services;
      const model = await modelOf(this.#services);
      const request = {
        jobId,
        weights: { kind: 'model' as const, model, adapter: null },
        dataset: await savedFirst(this.#absolute(file)),
        format: 'auto' as const,
        questions: settings.evaluationQuestions,
        k: settings.evaluationSamples,
      };
      const { summary, file: answers } = await client.request('evaluate', request, signal);
      const { greedyAccuracy, questions } = summary;
      say(vscode.l10n.t('{0} of {1} questions right.', percent(greedyAccuracy), questions));
      say(answers);
    };
  }

  #absolute(file: string): string {
    return workspaceFile(file, this.#services.workspace, vscode.workspace.workspaceFolders ?? []);
  }
}
