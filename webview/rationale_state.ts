/** The state that is the panel's own (everything else comes in snapshots), and what its views are given. */
import type { RationaleIntent, RationaleQuestion } from '../src/protocol/rationale_messages.ts';
import type { SortOrder } from './rationale_figures.ts';
import type { SamplingDraft } from './sampling_draft.ts';

/** What a person has open or half typed; belongs to a question under certain weights. */
export interface QuestionState {
  /** By id of the rationale. */
  readonly opened: Readonly<Record<string, boolean>>;
  /** Whose baseline and advantage the strip plot shows; the first one's when null. */
  readonly selected: string | null;
  /** Text fields of "Sample again", null while closed. */
  readonly samplingDraft: SamplingDraft | null;
  readonly edit: { readonly id: string; readonly text: string } | null;
  readonly note: { readonly id: string; readonly text: string } | null;
}

export interface RationaleState extends QuestionState {
  readonly sort: SortOrder;
  /** Show each text as a word diff with its counterpart under the compared checkpoint. */
  readonly wordDiff: boolean;
  /** The table of base, previous checkpoint and current is open. */
  readonly stagesOpen: boolean;
}

export const untouchedQuestion: QuestionState = {
  opened: {},
  selected: null,
  samplingDraft: null,
  edit: null,
  note: null,
};

export const initialRationaleState: RationaleState = {
  ...untouchedQuestion,
  sort: { by: 'selfReward', descending: true },
  wordDiff: false,
  stagesOpen: false,
};

export interface RationaleContext {
  readonly snapshot: RationaleQuestion;
  readonly state: RationaleState;
  readonly change: (change: Partial<RationaleState>) => void;
  readonly send: (intent: RationaleIntent) => void;
}
