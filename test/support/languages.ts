/** The languages of the extension without VS Code: texts with their values filled in, and what the engine says. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { engineMessages } from '../../src/extension/common/engine_messages.ts';
import type { L10n } from '../../src/extension/common/l10n.ts';

export const LANGUAGES = ['zh-cn', 'ja'] as const;
export type Language = (typeof LANGUAGES)[number];

export const ENGLISH: L10n = { t: filled };

function filled(text: string, ...values: readonly (string | number)[]): string {
  return text.replaceAll(/\{(\d+)\}/g, (hole, index: string) => String(values[Number(index)] ?? hole));
}

/** The language of the editor as the extension meets it. */
export function speak(language: Language): { readonly l10n: L10n; readonly engineText: (message: string) => string } {
  const file = path.resolve(import.meta.dirname, '..', '..', 'l10n', `bundle.l10n.${language}.json`);
  const bundle: Record<string, string> = JSON.parse(readFileSync(file, 'utf8'));
  const l10n: L10n = { t: (message, ...values) => filled(bundle[message] ?? message, ...values) };
  const messages = engineMessages(bundle, l10n);
  return { l10n, engineText: (message) => messages.translate(message) };
}
