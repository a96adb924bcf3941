/** The text fields of "Sample again" and the settings they stand for: pure, no DOM. */
import * as v from 'valibot';
import { SamplingSettings } from '../src/protocol/panel_messages.ts';

export type SamplingDraft = Readonly<Record<keyof SamplingSettings, string>>;
export const samplingFields: readonly (keyof SamplingSettings)[] = ['k', 'temperature', 'seed'];

/** The settings a draft stands for, or the field that is wrong. */
export function readDraft(
  draft: SamplingDraft,
): { readonly settings: SamplingSettings } | { readonly wrong: keyof SamplingSettings } {
  const numbers = { k: asNumber(draft.k), temperature: asNumber(draft.temperature), seed: asNumber(draft.seed) };
  const wrong = samplingFields.find((field) => !v.is(SamplingSettings.entries[field], numbers[field]));
  return wrong === undefined ? { settings: numbers } : { wrong };
}

function asNumber(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text.replace(',', '.'));
}
