/** The engine's messages among the texts of a language bundle, and how that language puts them together. Pure. */
import type { L10n } from './l10n.ts';
import { MessageTemplates } from './message_templates.ts';

/** A key of a bundle is a text and, behind a slash, its comment; this one marks what the engine says. */
const MARK = '/engine';

export function engineMessages(bundle: Readonly<Record<string, string>>, l10n: L10n): MessageTemplates {
  const marked = Object.entries(bundle).filter(([key]) => key.endsWith(MARK));
  return new MessageTemplates(
    marked.map(([key, text]) => [key.slice(0, -MARK.length), text]),
    {
      sentences: (first, second) => joinedSentences(first, second, l10n),
      sentence: (part) => l10n.t('{0}.', part),
      labelled: (label, text) => l10n.t('{0}: {1}', label, text),
      remarked: (text, remark) => l10n.t('{0} ({1})', text, remark),
    },
  );
}

/** Where the first stayed English, its full stop wants the space that other languages do without. */
export const joinedSentences = (first: string, second: string, l10n: L10n): string =>
  /[.!?)]$/.test(first) ? `${first} ${second}` : l10n.t('{0} {1}', first, second);
