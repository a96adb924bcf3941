import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import { evaluationStep } from '../../engine/runs/run_directory.ts';
import type { EvaluationSummary } from '../../protocol/records.ts';
import type { EvaluationPair } from '../panels/accuracy_diff.ts';
import { evaluationText, questionsText, setOf, weightsText } from '../runs/evaluation_text.ts';
import { percent } from '../runs/run_text.ts';
import { isRunNode } from '../runs/runs_tree.ts';
import { type CommandServices, pickRun } from './services.ts';

/** Stops the run that is being trained, or the one the command was called on; it saves a checkpoint and can be resumed. */
export async function stopRun({ engine }: CommandServices, argument: unknown): Promise<void> {
  const job = isRunNode(argument) ? engine.jobs.ofRun(argument.runId) : engine.jobs.activeRun;
  const { l10n } = vscode;
  if (job === undefined) {
    const reason = l10n.t('No run of this window is being trained.');
    throw new LatroError('run-not-found', reason, l10n.t('Stop a run of the command line there, with Ctrl+C.'));
  }
  await (await engine.client()).request('stop', { jobId: job.jobId });
}

/** Pauses the run that is being trained, or the one the command was called on, once its update is done and saved. */
export async function pauseRun({ engine }: CommandServices, argument: unknown): Promise<void> {
  const job = isRunNode(argument) ? engine.jobs.ofRun(argument.runId) : engine.jobs.activeRun;
  if (job?.state === 'pausing' || job?.state === 'paused') return;
  const found = job !== undefined && (await (await engine.client()).request('pause', { jobId: job.jobId })).found;
  if (found) return;
  const { l10n } = vscode;
  const next = l10n.t(
    'A run can be paused once it has begun, and a run of the command line not at all: stop that one with Ctrl+C.',
  );
  throw new LatroError('run-not-found', l10n.t('No run of this window is being trained.'), next);
}

/** Two evaluations of a run to compare: before and after when it was called on a run, else the person's pick. */
export async function pickPair(services: CommandServices, argument: unknown): Promise<EvaluationPair> {
  const { l10n } = vscode;
  const run = await pickRun(services, argument, ({ gain }) => gain !== null, l10n.t('Run to compare'));
  const directory = services.runs.directory(run);
  const names = await directory.evaluationNames();
  const summaries = (await Promise.all(names.map((name) => directory.evaluation(name)))).filter(
    (each) => each !== null,
  );
  const pairs = beforeAndAfter(summaries);
  const [first] = pairs;
  if (first !== undefined && isRunNode(argument)) return named(run.id, first);
  if (summaries.length < 2) {
    const reason = l10n.t('Run {0} has fewer than two evaluations.', run.id);
    throw new LatroError('run-not-found', reason, l10n.t('Let it finish, or evaluate one of its checkpoints.'));
  }
  if (summaries.length === 2 && first !== undefined) return named(run.id, first);
  const picked = await pickBeforeAndAfter(pairs);
  return named(run.id, picked ?? (await pickEach(summaries)));
}

type Pair = readonly [before: EvaluationSummary, after: EvaluationSummary];

/** What one mostly wants, in one choice; undefined: the person wants to choose each. */
async function pickBeforeAndAfter(pairs: readonly Pair[]): Promise<Pair | undefined> {
  const { l10n } = vscode;
  const items: (vscode.QuickPickItem & { pair?: Pair })[] = pairs.map((pair) => {
    const [before, after] = pair;
    const [was, is] = pair.map(({ greedyAccuracy }) => percent(greedyAccuracy)) as [string, string];
    return {
      label: `${weightsText(before.name)} → ${weightsText(after.name)}`,
      description: questionsText(after.name),
      detail: l10n.t('{0} → {1} of {2} questions', was, is, after.questions),
      pair,
    };
  });
  items.push({ label: l10n.t('Choose two evaluations…') });
  const picked = await vscode.window.showQuickPick(items, { title: l10n.t('What to compare') });
  if (picked === undefined) throw new vscode.CancellationError();
  return picked.pair;
}

async function pickEach(summaries: readonly EvaluationSummary[]): Promise<Pair> {
  const { l10n } = vscode;
  const items = summaries.map((summary) => ({
    label: evaluationText(summary.name),
    description: l10n.t('{0} of {1} questions', percent(summary.greedyAccuracy), summary.questions),
    summary,
  }));
  const before = await vscode.window.showQuickPick(items, { title: l10n.t('Before') });
  if (before === undefined) throw new vscode.CancellationError();
  const rest = items.filter((item) => item !== before);
  const after = await vscode.window.showQuickPick(rest, { title: l10n.t('After') });
  if (after === undefined) throw new vscode.CancellationError();
  return [before.summary, after.summary];
}

const named = (runId: string, [before, after]: Pair): EvaluationPair => ({
  before: { runId, evaluation: before.name },
  after: { runId, evaluation: after.name },
});

/** First and last evaluation on each of the run's sets that was evaluated twice, the test questions first. */
function beforeAndAfter(summaries: readonly EvaluationSummary[]): Pair[] {
  const sorted = [...summaries].sort((a, b) => (evaluationStep(a.name) ?? 0) - (evaluationStep(b.name) ?? 0));
  return ['test', 'validation'].flatMap((set) => {
    const own = sorted.filter(({ name }) => setOf(name) === set);
    const [first, last] = [own[0], own.at(-1)];
    return first === undefined || last === undefined || first === last ? [] : [[first, last] as const];
  });
}
