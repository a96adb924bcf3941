/** What the engine says, in the editor's language: its messages are among the keys of l10n/bundle.l10n.*.json. */
import * as vscode from 'vscode';
import type { EngineFailure } from '../../protocol/engine_rpc.ts';
import { engineMessages, joinedSentences } from '../common/engine_messages.ts';
import type { MessageTemplates } from '../common/message_templates.ts';

/** Read when the first message is shown. */
let messages: MessageTemplates | undefined;

/** A message of the engine, or of a file it wrote, in the editor's language; as it is where nobody translated it. */
export function engineText(message: string): string {
  const { bundle } = vscode.l10n;
  if (bundle === undefined) return message; // English
  messages ??= engineMessages(bundle, vscode.l10n);
  return messages.translate(message);
}

/** An error of the engine in the editor's language. */
export const engineFailure = ({ code, reason, nextStep }: EngineFailure): EngineFailure => ({
  code,
  reason: engineText(reason),
  nextStep: engineText(nextStep),
});

/** An error in one line, in the language it is in. */
export const failureText = ({ reason, nextStep }: Pick<EngineFailure, 'reason' | 'nextStep'>): string =>
  nextStep === '' ? reason : joinedSentences(reason, nextStep, vscode.l10n);
