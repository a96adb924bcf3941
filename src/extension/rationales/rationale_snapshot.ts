/** What the panel is shown of a question: everything known of it, the person's choices and marks, and what is being computed. Pure. */
import type { PanelFailure } from '../../protocol/panel_messages.ts';
import type {
  PanelActivity,
  RationaleQuestion,
  SamplingSettings,
  Unscored,
} from '../../protocol/rationale_messages.ts';
import { chooseComparison, stagesOf } from './before_after.ts';
import type { Choice } from './panel_choices.ts';
import type { KnownQuestion, Question } from './question_source.ts';
import { checkpointOptions, chooseCurrent, type Marks, withMarks } from './rationale_sets.ts';

export interface SnapshotParts {
  readonly question: Question;
  /** Name of the file as shown. */
  readonly dataset: string;
  readonly known: KnownQuestion;
  readonly choice: Choice;
  readonly marks: Marks;
  readonly sampling: SamplingSettings;
  readonly activity: PanelActivity | null;
  readonly failure: PanelFailure | null;
  readonly unscored: Unscored | null;
}

export function questionSnapshot({
  question,
  dataset,
  known,
  choice,
  marks,
  ...rest
}: SnapshotParts): RationaleQuestion {
  const { run, sets, onRequest, checkpointSteps, strategyNames } = known;
  const { row } = question;
  const checkpoints = checkpointOptions(sets, checkpointSteps);
  const current = chooseCurrent(sets, choice.checkpoint);
  const marked = (name: string | undefined) => {
    const set = name === undefined ? undefined : sets.get(name);
    return set === undefined ? null : withMarks(set, marks);
  };
  return {
    kind: 'question',
    dataset,
    line: row.line,
    rowKey: row.rowKey,
    question: row.question,
    goldAnswer: row.answer,
    run: run === null ? null : run.id,
    checkpoints,
    current: marked(current),
    comparison: marked(chooseComparison(sets, checkpoints, current, choice.comparison)),
    stages: stagesOf(sets, checkpoints, checkpointSteps, current),
    discardable: current !== undefined && onRequest.has(current),
    strategyNames: { ...strategyNames },
    canSample: true,
    ...rest,
  };
}
