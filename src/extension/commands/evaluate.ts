import path from 'node:path';
import * as vscode from 'vscode';
import type { Weights } from '../../protocol/engine_rpc.ts';
import { checkpointName } from '../runs/checkpoints.ts';
import { percent, subjectText } from '../runs/run_text.ts';
import { type CommandServices, datasetOf, fileName, MADE_FOR, modelOf } from './services.ts';

/** Evaluates the chosen model, or a checkpoint of a run, on the dataset in the editor. */
export async function evaluateDataset(services: CommandServices, argument: unknown): Promise<void> {
  const { settings, jobs, reporter } = services;
  const dataset = await datasetOf(argument, MADE_FOR.evaluation);
  const weights = await pickWeights(services);
  const { l10n } = vscode;
  const title = l10n.t('LaTRO: evaluating on {0}', fileName(dataset));
  const { summary, file } = await jobs.withProgress(title, ({ client, jobId, signal }) =>
    client.request(
      'evaluate',
      {
        jobId,
        weights,
        dataset,
        format: 'auto',
        questions: settings.evaluationQuestions,
        k: settings.evaluationSamples,
      },
      signal,
    ),
  );
  const { greedyAccuracy, questions, meanAnswerLogProbGreedy } = summary;
  const right = Math.round(greedyAccuracy * questions);
  const message = l10n.t(
    '{0} of {1} questions right ({2}); mean log p(answer) {3}.',
    right,
    questions,
    percent(greedyAccuracy),
    meanAnswerLogProbGreedy.toFixed(2),
  );
  reporter.showInformation(message, {
    title: l10n.t('Open Answers'),
    run: () => vscode.window.showTextDocument(vscode.Uri.file(file)),
  });
}

async function pickWeights(services: CommandServices): Promise<Weights> {
  const { runs } = services;
  const { l10n } = vscode;
  const model = await modelOf(services);
  const chosenModel = { kind: 'model' as const, model, adapter: null };
  await runs.refresh();
  const ofRuns = await Promise.all(
    runs.runs.map(async (run) => {
      const steps = await runs.directory(run).checkpoints.steps();
      return steps.reverse().map((step) => ({
        label: `$(git-commit) ${l10n.t('step {0}', step)}`,
        description: subjectText(run),
        detail: run.id,
        weights: { kind: 'run' as const, runDirectory: run.directory, checkpoint: checkpointName(step) },
      }));
    }),
  );
  const checkpoints = ofRuns.flat();
  if (checkpoints.length === 0) return chosenModel;
  const items = [
    {
      label: `$(folder) ${path.basename(model)}`,
      description: l10n.t('the chosen model as it is'),
      weights: chosenModel,
    },
    ...checkpoints,
  ];
  const picked = await vscode.window.showQuickPick(items, { title: l10n.t('Weights to evaluate') });
  if (picked === undefined) throw new vscode.CancellationError();
  return picked.weights;
}
