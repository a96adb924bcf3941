/** What the panel remembers by itself, through hiding and through a reload of the window: order, views, and drafts by question. Pure. */
import * as v from 'valibot';
import { StrategyChoice } from '../src/protocol/rationale_messages.ts';
import { SORT_COLUMNS } from './rationale_figures.ts';
import type { QuestionState, RationaleState } from './rationale_state.ts';

const Note = v.object({
  id: v.string(),
  run: v.optional(v.nullable(v.string())),
  checkpoint: v.optional(v.string()),
  weights: v.optional(v.string()),
  text: v.string(),
  original: v.optional(v.string(), ''),
  sent: v.optional(v.object({ token: v.string(), text: v.string() })),
});
const Edit = v.object({
  id: v.optional(v.string()),
  text: v.string(),
  original: v.string(),
  /** Absent in drafts from before it was kept. Without a run, too, it is said that their weights are not known. */
  checkpoint: v.optional(v.string(), 'base'),
  run: v.optional(v.nullable(v.string())),
  weights: v.optional(v.string()),
  sent: v.optional(v.object({ edited: v.string(), text: v.string() })),
});
const RememberedQuestion = v.object({
  /** Key of its row. Once it was that and, after a space, the weights: such drafts are found again too. */
  key: v.pipe(
    v.string(),
    v.transform((key) => key.split(' ', 1)[0]!),
  ),
  opened: v.record(v.string(), v.boolean()),
  selected: v.nullable(v.string()),
  samplingDraft: v.nullable(
    v.object({
      ...{ k: v.string(), temperature: v.string(), seed: v.string(), strategy: v.exactOptional(StrategyChoice) },
      changed: v.exactOptional(v.literal(true)),
    }),
  ),
  edits: v.optional(v.record(v.string(), Edit), {}),
  note: v.nullable(Note),
});
type RememberedQuestion = v.InferOutput<typeof RememberedQuestion>;

export const SavedRationaleState = v.object({
  sort: v.object({ by: v.picklist(SORT_COLUMNS), descending: v.boolean() }),
  wordDiff: v.boolean(),
  stagesOpen: v.optional(v.boolean(), false),
  legendOpen: v.optional(v.boolean(), false),
  /** Those looked at last come last. */
  questions: v.optional(v.array(RememberedQuestion), []),
});
export type SavedRationaleState = v.InferOutput<typeof SavedRationaleState>;

/** Questions without drafts that are remembered; those with drafts always are. */
const QUESTIONS = 20;
/** Rationales of a question of which is remembered whether they are open: a run that trains brings new ones with every update. */
const RATIONALES = 200;

export function remember(
  questions: readonly RememberedQuestion[],
  key: string,
  { opened, selected, samplingDraft, edits, note }: QuestionState,
): RememberedQuestion[] {
  const latest = Object.fromEntries(Object.entries(opened).slice(-RATIONALES));
  const own = { key, opened: latest, selected, samplingDraft, edits: { ...edits }, note };
  const all = [...questions.filter((each) => each.key !== key), own];
  const kept = new Set(all.filter((each) => !hasDraft(each)).slice(-QUESTIONS));
  return all.filter((each) => hasDraft(each) || kept.has(each));
}

/** A form that is open with nothing typed is none. */
function hasDraft({ edits, note, samplingDraft }: RememberedQuestion): boolean {
  const written = note === null ? Object.values(edits) : [...Object.values(edits), note];
  return written.some(({ text, original }) => text !== original) || samplingDraft?.changed === true;
}

export function recall(questions: readonly RememberedQuestion[], key: string): QuestionState | undefined {
  const found = questions.findLast((each) => each.key === key);
  if (found === undefined) return undefined;
  const { key: _, ...state } = found;
  return state;
}

export function saved(
  { sort, wordDiff, stagesOpen, legendOpen }: RationaleState,
  questions: SavedRationaleState['questions'],
): SavedRationaleState {
  return { sort, wordDiff, stagesOpen, legendOpen, questions };
}
