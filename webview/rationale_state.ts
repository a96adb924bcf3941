/** The state that is the panel's own (everything else comes in snapshots), and what its views are given. */
import type { RationaleIntent, RationaleQuestion } from '../src/protocol/rationale_messages.ts';
import type { WrittenUnder } from './draft_weights.ts';
import type { SortOrder } from './rationale_figures.ts';
import type { SamplingDraft } from './sampling_draft.ts';

/** A rationale that a person writes over one of the model's. */
export interface EditDraft extends WrittenUnder {
  /** Id of the rationale; absent in drafts from before it was kept, where it is the draft's key. */
  readonly id?: string | undefined;
  readonly text: string;
  /** What stood there. */
  readonly original: string;
  /** Under which weights: those that it is scored under, whichever are shown by then. */
  readonly checkpoint: string;
  /** The text as it was sent to be scored, and the id it will have: until that is there, this is the only copy. */
  readonly sent?: { readonly edited: string; readonly text: string } | undefined;
}

/** A note that a person writes on a rationale. */
export interface NoteDraft extends WrittenUnder {
  readonly id: string;
  readonly text: string;
  /** What is stored. */
  readonly original: string;
  /** The text as it was sent to be stored: until the host says that it is, this is the only copy. */
  readonly sent?: { readonly token: string; readonly text: string } | undefined;
}

/** What a person has open or half typed; belongs to a question, whichever weights are shown: a run that trains changes them at any time. */
export interface QuestionState {
  /** By id of the rationale. */
  readonly opened: Readonly<Record<string, boolean>>;
  /** Whose baseline and advantage the strip plot shows; the first one's when null. */
  readonly selected: string | null;
  /** Text fields of "Sample again", null while closed. */
  readonly samplingDraft: SamplingDraft | null;
  /** By id of the rationale, or another key where that is taken by a draft of other weights; one that is not there is closed. */
  readonly edits: Readonly<Record<string, EditDraft>>;
  readonly note: NoteDraft | null;
}

export interface RationaleState extends QuestionState {
  readonly sort: SortOrder;
  /** Show each text as a word diff with its counterpart under the compared checkpoint. */
  readonly wordDiff: boolean;
  /** The table of base, previous checkpoint and current is open. */
  readonly stagesOpen: boolean;
  /** The legend says what the lines above the words mean, too. */
  readonly legendOpen: boolean;
}

export const untouchedQuestion: QuestionState = {
  opened: {},
  selected: null,
  samplingDraft: null,
  edits: {},
  note: null,
};

export const initialRationaleState: RationaleState = {
  ...untouchedQuestion,
  sort: { by: 'selfReward', descending: true },
  wordDiff: false,
  stagesOpen: false,
  legendOpen: false,
};

export interface RationaleContext {
  readonly snapshot: RationaleQuestion;
  readonly state: RationaleState;
  readonly change: (change: Partial<RationaleState>) => void;
  readonly send: (intent: RationaleIntent) => void;
}
