/** The page around a panel, made for a webview of VS Code: what it may load, and that nobody can guess its nonce. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { panelPage, webviewOptions } from '../../src/extension/panels/webview_page.ts';
import { extension } from './studio.ts';

describe('the page around a panel', () => {
  let panel: vscode.WebviewPanel;
  const { extensionUri } = extension();
  const page = () => panelPage(panel.webview, extensionUri, 'dashboard_panel');
  const nonceOf = (html: string) => /<meta property="csp-nonce" content="([^"]+)">/.exec(html)?.[1] ?? '';

  before(() => {
    panel = vscode.window.createWebviewPanel('latro.test', 'test', vscode.ViewColumn.One, webviewOptions(extensionUri));
  });
  after(() => panel.dispose());

  it('may load the bundle of its panel and do nothing else', () => {
    const html = page();
    const nonce = nonceOf(html);
    const { cspSource } = panel.webview;
    const [policy, ...more] = [...html.matchAll(/http-equiv="Content-Security-Policy" content="([^"]+)"/g)];
    assert.deepEqual(more, []);
    assert.deepEqual(policy?.[1]?.split('; ').sort(), [
      "base-uri 'none'",
      "default-src 'none'",
      `font-src ${cspSource}`,
      "form-action 'none'",
      `img-src ${cspSource}`,
      `script-src 'nonce-${nonce}'`,
      `style-src ${cspSource} 'nonce-${nonce}'`,
    ]);
    assert.deepEqual(
      [...html.matchAll(/<script[^>]*>/g)].map(([tag]) => tag.includes(` nonce="${nonce}"`)),
      [true],
    );
  });

  it('has a nonce of its own each time, of 16 random bytes', () => {
    const nonces = Array.from({ length: 50 }, () => nonceOf(page()));
    assert.equal(new Set(nonces).size, nonces.length);
    for (const nonce of nonces) assert.equal(Buffer.from(nonce, 'base64').length, 16);
  });

  it('reads files of the bundled panels only, and those it names are there', () => {
    const folder = path.join(extension().extensionPath, 'dist', 'webview');
    const { localResourceRoots } = panel.webview.options;
    assert.deepEqual(
      localResourceRoots?.map(({ fsPath }) => fsPath),
      [folder],
    );
    const named = [...page().matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => vscode.Uri.parse(match[1]!).path);
    assert.equal(named.length, 3);
    for (const file of named) assert.ok(existsSync(path.join(folder, path.basename(file))), file);
  });
});
