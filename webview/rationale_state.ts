/** The state that is the panel's own (everything else comes in snapshots), and what its views are given. */
import * as v from 'valibot';
import type { RationaleIntent, RationaleQuestion } from '../src/protocol/panel_messages.ts';
import type { SortOrder } from './rationale_figures.ts';
import type { SamplingDraft } from './sampling_draft.ts';

/** Survives hiding the panel and reloading the window. */
export const SavedRationaleState = v.object({
  sort: v.object({
    by: v.picklist(['sample', 'selfReward', 'klPenalty', 'baseline', 'advantage', 'length']),
    descending: v.boolean(),
  }),
  wordDiff: v.boolean(),
});

export interface RationaleState {
  readonly sort: SortOrder;
  /** Show each text as a word diff with its counterpart under the compared checkpoint. */
  readonly wordDiff: boolean;
  /** By id of the rationale. */
  readonly opened: Readonly<Record<string, boolean>>;
  /** Whose baseline and advantage the strip plot shows; the first one's when null. */
  readonly selected: string | null;
  /** Text fields of "Sample again", null while closed. */
  readonly samplingDraft: SamplingDraft | null;
  readonly edit: { readonly id: string; readonly text: string } | null;
  readonly note: { readonly id: string; readonly text: string } | null;
}

export const initialRationaleState: RationaleState = {
  sort: { by: 'selfReward', descending: true },
  wordDiff: false,
  opened: {},
  selected: null,
  samplingDraft: null,
  edit: null,
  note: null,
};

export interface RationaleContext {
  readonly snapshot: RationaleQuestion;
  readonly state: RationaleState;
  readonly change: (change: Partial<RationaleState>) => void;
  readonly send: (intent: RationaleIntent) => void;
}
