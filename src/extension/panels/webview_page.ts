/** The HTML around a panel: its bundled script and styles, and a content security policy that allows nothing else. */
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { contentSecurityPolicy } from './content_security_policy.ts';

/** Name of a bundle in dist/webview/ and of its stylesheet. */
export type PanelName = 'rationale_panel' | 'accuracy_panel' | 'dashboard_panel';

export function webviewOptions(extensionUri: vscode.Uri): vscode.WebviewOptions {
  return { enableScripts: true, localResourceRoots: [vscode.Uri.joinPath(extensionUri, 'dist', 'webview')] };
}

export function panelPage(webview: vscode.Webview, extensionUri: vscode.Uri, name: PanelName): string {
  const nonce = randomBytes(16).toString('base64');
  const file = (base: string) => webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, 'dist', 'webview', base));
  const policy = contentSecurityPolicy(webview.cspSource, nonce);
  return `<!doctype html>
<html lang="${vscode.env.language}">
<head>
  <meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy" content="${policy}">
  <meta property="csp-nonce" content="${nonce}">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>LaTRO Studio</title>
  <link rel="stylesheet" href="${file('panel.css')}">
  <link rel="stylesheet" href="${file(`${name}.css`)}">
</head>
<body>
  <script type="module" nonce="${nonce}" src="${file(`${name}.js`)}"></script>
</body>
</html>`;
}
