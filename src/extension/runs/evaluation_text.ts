/** Evaluations in words: which weights, on which of the run's questions. */
import * as vscode from 'vscode';
import { evaluationStep } from '../../engine/runs/run_directory.ts';

/** "base" or "step 40". */
export function weightsText(name: string): string {
  const step = evaluationStep(name);
  if (step === null) return name;
  return step === 0 ? vscode.l10n.t('base') : vscode.l10n.t('step {0}', step);
}

/** What an evaluation's name says of its questions: "test", "validation", or the file's own name. */
export const setOf = (name: string): string => name.replace(/^(base|step-\d+)-/, '');

/** "test questions". */
export function questionsText(name: string): string {
  const { l10n } = vscode;
  const set = setOf(name);
  if (set === 'test') return l10n.t('test questions');
  return set === 'validation' ? l10n.t('validation questions') : set;
}

/** "step 40, test questions". */
export const evaluationText = (name: string): string => `${weightsText(name)}, ${questionsText(name)}`;
