/** The text fields of "Sample again" and the settings they stand for: pure, no DOM. */
import * as v from 'valibot';
import { SamplingSettings, type StrategyChoice } from '../src/protocol/rationale_messages.ts';

export type SamplingField = 'k' | 'temperature' | 'seed';
/** What was typed, and the strategy that was chosen where there are any. */
export type SamplingDraft = Readonly<Record<SamplingField, string>> & {
  readonly strategy?: StrategyChoice;
  /** Not only opened: a person has typed or chosen. */
  readonly changed?: true;
};
export const samplingFields: readonly SamplingField[] = ['k', 'temperature', 'seed'];

/** The settings a draft stands for, or the field that is wrong. */
export function readDraft(
  draft: SamplingDraft,
): { readonly settings: SamplingSettings } | { readonly wrong: SamplingField } {
  const numbers = { k: asNumber(draft.k), temperature: asNumber(draft.temperature), seed: asNumber(draft.seed) };
  const wrong = samplingFields.find((field) => !v.is(SamplingSettings.entries[field], numbers[field]));
  if (wrong !== undefined) return { wrong };
  return { settings: { ...numbers, ...(draft.strategy === undefined ? {} : { strategy: draft.strategy }) } };
}

function asNumber(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text.replace(',', '.'));
}
