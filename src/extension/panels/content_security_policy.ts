/** What a panel's page may load and do: its own bundle, by a nonce, and nothing else. Pure; the panels are tested under the same policy. */

/**
 * The value of `Content-Security-Policy`.
 * @param source where the panel's own files come from: `webview.cspSource`
 * @param nonce of this page alone
 */
export function contentSecurityPolicy(source: string, nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${source} 'nonce-${nonce}'`,
    `font-src ${source}`,
    `img-src ${source}`,
    // What `default-src` does not cover.
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}
