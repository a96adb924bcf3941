/** The part of `vscode.l10n` that is used where `vscode` is not. */
export interface L10n {
  /** A text with numbered holes, in the editor's language, with its values filled in. */
  t(message: string, ...values: readonly (string | number)[]): string;
}
