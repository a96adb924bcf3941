/** What the panel is shown of a question: everything known of it, the person's choices and marks, and what is being computed. */
import type { PanelFailure } from '../../protocol/panel_messages.ts';
import type {
  PanelActivity,
  RationaleQuestion,
  RationaleSet,
  SamplingSettings,
  Unscored,
} from '../../protocol/rationale_messages.ts';
import { chooseComparison, previousCheckpoint, stagesOf } from './before_after.ts';
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
  /** Token of the rating that was stored last. */
  readonly rated?: string;
}

/** Reads the rationales that are shown and compared, and no others: a run may have thousands of them. */
export async function questionSnapshot({
  question,
  dataset,
  known,
  choice,
  marks,
  ...rest
}: SnapshotParts): Promise<RationaleQuestion> {
  const { run, runs, sampled, onRequest, checkpointSteps, strategyNames } = known;
  const { row } = question;
  const checkpoints = checkpointOptions(sampled, checkpointSteps).map((each) => {
    const weights = known.weightsOf(each.name);
    return weights === undefined ? each : { ...each, weights };
  });
  const current = chooseCurrent(sampled, choice.checkpoint);
  const comparison = chooseComparison(sampled, checkpoints, current, choice.comparison);
  const previous = current === undefined ? undefined : previousCheckpoint(checkpoints, current);
  const sets = await setsOf(known, ['base', previous, current, comparison]);
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
    runs: [...runs],
    checkpoints,
    current: marked(current),
    comparison: marked(comparison),
    stages: stagesOf(sets, checkpoints, checkpointSteps, current),
    discardable: current !== undefined && onRequest.has(current),
    strategyNames: { ...strategyNames },
    canSample: true,
    ...rest,
  };
}

async function setsOf(known: KnownQuestion, names: readonly (string | undefined)[]) {
  const sets = new Map<string, RationaleSet>();
  for (const name of names) {
    if (name === undefined || sets.has(name)) continue;
    const set = await known.set(name);
    if (set !== undefined) sets.set(name, set);
  }
  return sets;
}
