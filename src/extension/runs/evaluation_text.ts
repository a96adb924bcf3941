/** Evaluations in words: which weights, on which of the run's questions, and what else was different. */
import path from 'node:path';
import * as vscode from 'vscode';
import { unreachable } from '../../engine/common/errors.ts';
import { evaluationStep } from '../../engine/runs/run_directory.ts';
import { type EvaluationPair, type EvaluationReference, type SettingDifference, setOf } from './evaluation_pairs.ts';
import type { StoredEvaluation } from './stored_evaluations.ts';

/** "base" or "step 40". */
export function weightsText(name: string): string {
  const step = evaluationStep(name);
  if (step === null) return name;
  return step === 0 ? vscode.l10n.t('base') : vscode.l10n.t('step {0}', step);
}

/** "test questions". */
export function questionsText(name: string): string {
  const { l10n } = vscode;
  const set = setOf(name);
  if (set === 'test') return l10n.t('test questions');
  return set === 'validation' ? l10n.t('validation questions') : set;
}

/** "step 40, test questions"; the name of an evaluation outside runs as it is. */
export const evaluationText = (name: string): string =>
  evaluationStep(name) === null ? name : `${weightsText(name)}, ${questionsText(name)}`;

/** The model, and its adapter if there is one; undefined where an older version did not write it down. */
function modelText({ settings }: StoredEvaluation): string | undefined {
  if (settings === null) return undefined;
  const { model, adapter } = settings;
  return [model, ...(adapter === null ? [] : [adapter])].map((folder) => path.basename(folder)).join(' + ');
}

/** "step 40, test questions", or "starter + my-adapter, test.jsonl" outside runs. */
export function storedText(evaluation: StoredEvaluation): string {
  const { run, summary } = evaluation;
  const model = run === null ? modelText(evaluation) : undefined;
  return model === undefined ? evaluationText(summary.name) : `${model}, ${path.basename(summary.dataset)}`;
}

/** The two sides of a pair, told apart with as little as will do. */
export function pairTexts({ before, after }: EvaluationPair): readonly [before: string, after: string] {
  const ofOneRun = before.runId !== null && before.runId === after.runId;
  // The test questions are what one compares on: only others are worth their words.
  const ofTest = [before, after].every(({ runId, evaluation }) => runId === null || setOf(evaluation) === 'test');
  const text = ({ runId, evaluation }: EvaluationReference): string => {
    if (runId === null) return evaluation;
    const own = ofTest ? weightsText(evaluation) : evaluationText(evaluation);
    return ofOneRun ? own : vscode.l10n.t('{0} of run {1}', own, runId);
  };
  return [text(before), text(after)];
}

/** "RUN/base-test → RUN/step-000040-test": names one pair and no other. */
export const pairNames = ({ before, after }: EvaluationPair): string =>
  [before, after].map(({ runId, evaluation }) => (runId === null ? evaluation : `${runId}/${evaluation}`)).join(' → ');

/** "K: 4 → 8". */
export function differenceText(difference: SettingDifference): string {
  const { l10n } = vscode;
  switch (difference.what) {
    case 'k':
      return l10n.t('K: {0} → {1}', difference.before, difference.after);
    case 'temperature':
      return l10n.t('temperature: {0} → {1}', difference.before, difference.after);
    case 'max-tokens':
      return l10n.t('longest answer: {0} → {1} tokens', difference.before, difference.after);
    case 'prompt':
      return l10n.t('another prompt');
    case 'extractor':
      return l10n.t('answers judged in another way');
    default:
      return unreachable(difference);
  }
}
