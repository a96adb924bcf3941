/** Which two evaluations to compare: before and after of a run in one step, any two of the workspace in two. */
import * as v from 'valibot';
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import { evaluationStep } from '../../engine/runs/run_directory.ts';
import {
  EvaluationPair,
  type EvaluationReference,
  isSame,
  type Partner,
  partnersOf,
  setOf,
  settingDifferences,
} from '../runs/evaluation_pairs.ts';
import { differenceText, questionsText, storedText, weightsText } from '../runs/evaluation_text.ts';
import { percent, subjectText } from '../runs/run_text.ts';
import { isRunNode } from '../runs/runs_tree.ts';
import type { ComparableEvaluation, StoredEvaluation, StoredEvaluations } from '../runs/stored_evaluations.ts';

/** The two the command was called on; before and after of a run if it was called on one; else what a person picks. */
export async function pickPair(evaluations: StoredEvaluations, argument: unknown): Promise<EvaluationPair> {
  if (v.is(EvaluationPair, argument)) return argument;
  const all = await evaluations.all();
  if (isRunNode(argument)) {
    const [first] = beforeAndAfter(all, argument.runId);
    return first === undefined ? await pickFrom(evaluations, all, argument.runId) : pairOf(first);
  }
  requireTwo(all);
  const runIds = [...new Set(all.flatMap(({ run }) => run?.id ?? []))];
  const pairs = runIds.flatMap((runId) => beforeAndAfter(all, runId));
  const [only] = pairs;
  if (only !== undefined && all.length === 2) return pairOf(only);
  const picked = pairs.length === 0 ? undefined : await pickBeforeAndAfter(pairs);
  return picked === undefined ? await pickAny(evaluations, all) : pairOf(picked);
}

/** Any two evaluations; the first one of the run the command was called on, if it was. */
export async function pickAnyPair(evaluations: StoredEvaluations, argument: unknown): Promise<EvaluationPair> {
  const all = await evaluations.all();
  if (isRunNode(argument)) return await pickFrom(evaluations, all, argument.runId);
  requireTwo(all);
  return await pickAny(evaluations, all);
}

/** Any two evaluations, in place of the two that are shown. */
export async function pickOtherPair(evaluations: StoredEvaluations, shown: EvaluationPair): Promise<EvaluationPair> {
  const all = await evaluations.all();
  requireTwo(all);
  return await pickAny(evaluations, all, shown.before);
}

function requireTwo(all: readonly StoredEvaluation[]): void {
  if (all.length >= 2) return;
  const { l10n } = vscode;
  const reason = l10n.t('There are no two evaluations to compare.');
  throw new LatroError('run-not-found', reason, l10n.t('Train on a dataset, or evaluate a model on it, first.'));
}

async function pickFrom(
  evaluations: StoredEvaluations,
  all: readonly StoredEvaluation[],
  runId: string,
): Promise<EvaluationPair> {
  const own = all.filter(({ run }) => run?.id === runId);
  const [only] = own;
  if (only === undefined) {
    const { l10n } = vscode;
    const next = l10n.t('Let it finish, or evaluate one of its checkpoints.');
    throw new LatroError('run-not-found', l10n.t('Run {0} has no evaluation.', runId), next);
  }
  const first = own.length === 1 ? only : await pickFirst(own);
  return await pickPartner(evaluations, all, first);
}

async function pickAny(
  evaluations: StoredEvaluations,
  all: readonly StoredEvaluation[],
  shown?: EvaluationReference,
): Promise<EvaluationPair> {
  const current = all.filter(({ reference }) => shown !== undefined && isSame(reference, shown));
  const others = all.filter((each) => !current.includes(each));
  return await pickPartner(evaluations, all, await pickFirst([...current, ...others]));
}

type Pair = readonly [before: StoredEvaluation, after: StoredEvaluation];
type Item<T> = vscode.QuickPickItem & { readonly value?: T };

const pairOf = ([before, after]: Pair): EvaluationPair => ({ before: before.reference, after: after.reference });

/** What one mostly wants, in one choice; undefined: the person wants to choose each. */
async function pickBeforeAndAfter(pairs: readonly Pair[]): Promise<Pair | undefined> {
  const { l10n } = vscode;
  const items = underTheirRuns(
    pairs,
    ([, after]) => after,
    (pair) => {
      const [before, after] = pair;
      const [was, is] = pair.map(({ summary }) => percent(summary.greedyAccuracy)) as [string, string];
      return {
        label: `${weightsText(before.summary.name)} → ${weightsText(after.summary.name)}`,
        description: questionsText(after.summary.name),
        detail: l10n.t('{0} → {1} of {2} questions', was, is, after.summary.questions),
      };
    },
  );
  const any: Item<Pair> = { label: l10n.t('Choose two evaluations…') };
  const picked = await pick([...items, separator(''), any], l10n.t('What to compare'));
  return picked.value;
}

async function pickFirst(evaluations: readonly StoredEvaluation[]): Promise<StoredEvaluation> {
  const items = underTheirRuns(
    evaluations,
    (evaluation) => evaluation,
    (evaluation) => ({
      label: storedText(evaluation),
      description: resultText(evaluation),
      detail: nameOf(evaluation),
    }),
  );
  return (await pick(items, vscode.l10n.t('Before: first of two evaluations'))).value!;
}

/** Of those that share questions with `first`. */
async function pickPartner(
  evaluations: StoredEvaluations,
  all: readonly StoredEvaluation[],
  first: StoredEvaluation,
): Promise<EvaluationPair> {
  const { l10n } = vscode;
  const progress = { location: vscode.ProgressLocation.Window, title: l10n.t('LaTRO: reading evaluations') };
  const [own, ...others] = await vscode.window.withProgress(progress, () => evaluations.comparable([first, ...all]));
  if (own === undefined) throw new vscode.CancellationError();
  const partners = partnersOf(own, others);
  if (partners.length === 0) {
    const reason = l10n.t('No other evaluation shares a question with {0}.', storedText(first));
    throw new LatroError('bad-request', reason, l10n.t('Evaluate other weights on the same file.'));
  }
  const items = partners.map((partner) => partnerItem(own, partner));
  const picked = await pick(items, l10n.t('After: compared with {0}', storedText(first)));
  return pairOf([first, picked.value!]);
}

function partnerItem(
  first: ComparableEvaluation,
  { evaluation, shared, onlyFirst, onlyPartner }: Partner<ComparableEvaluation>,
): Item<StoredEvaluation> {
  const { l10n } = vscode;
  const only =
    onlyFirst + onlyPartner === 0
      ? [l10n.t('the same {0} questions', shared)]
      : [l10n.t('{0} questions shared, {1} only before, {2} only after', shared, onlyFirst, onlyPartner)];
  const differences = settingDifferences(
    { k: first.summary.k, settings: first.settings },
    { k: evaluation.summary.k, settings: evaluation.settings },
  );
  return {
    label: storedText(evaluation),
    description: `${resultText(evaluation)} · ${nameOf(evaluation)}`,
    detail: [...only, ...differences.map(differenceText)].join(' · '),
    value: evaluation,
  };
}

const resultText = ({ summary }: StoredEvaluation): string =>
  vscode.l10n.t('{0} of {1} questions', percent(summary.greedyAccuracy), summary.questions);

/** What sets it apart from others of the same weights and questions. */
const nameOf = ({ run, summary }: StoredEvaluation): string => run?.id ?? summary.name;

const separator = (label: string): Item<never> => ({ label, kind: vscode.QuickPickItemKind.Separator });

/** Items in their order, with the run they belong to above the first of each. */
function underTheirRuns<T>(
  values: readonly T[],
  evaluationOf: (value: T) => StoredEvaluation,
  itemOf: (value: T) => vscode.QuickPickItem,
): Item<T>[] {
  let above: string | undefined;
  return values.flatMap((value): Item<T>[] => {
    const { run } = evaluationOf(value);
    const heading = run === null ? vscode.l10n.t('outside runs') : `${subjectText(run)} · ${run.id}`;
    const item = { ...itemOf(value), value };
    if (heading === above) return [item];
    above = heading;
    return [separator(heading), item];
  });
}

async function pick<T>(items: readonly Item<T>[], title: string): Promise<Item<T>> {
  // A panel in front may get its focus back a moment after the first list has opened, which would close it again.
  const options = { title, matchOnDescription: true, matchOnDetail: true, ignoreFocusOut: true };
  const picked = await vscode.window.showQuickPick(items, options);
  if (picked === undefined) throw new vscode.CancellationError();
  return picked;
}

/** First and last evaluation on each of the run's sets that was evaluated twice, the test questions first. */
function beforeAndAfter(all: readonly StoredEvaluation[], runId: string): Pair[] {
  const ofRun = all.filter(({ run }) => run?.id === runId);
  const step = ({ summary }: StoredEvaluation): number => evaluationStep(summary.name) ?? 0;
  return ['test', 'validation'].flatMap((set) => {
    const own = ofRun.filter(({ summary }) => setOf(summary.name) === set).sort((a, b) => step(a) - step(b));
    const [first, last] = [own[0], own.at(-1)];
    return first === undefined || last === undefined || first === last ? [] : [[first, last] as const];
  });
}
