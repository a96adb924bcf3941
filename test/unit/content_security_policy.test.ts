import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { contentSecurityPolicy } from '../../src/extension/panels/content_security_policy.ts';

const folder = path.resolve(import.meta.dirname, '../../src/extension');

describe('the content security policy of panels', () => {
  it('allows what carries the nonce, files of the panel, and nothing else', () => {
    assert.deepEqual(contentSecurityPolicy('https://panel', 'n0').split('; ').sort(), [
      "base-uri 'none'",
      "default-src 'none'",
      'font-src https://panel',
      "form-action 'none'",
      'img-src https://panel',
      "script-src 'nonce-n0'",
      "style-src https://panel 'nonce-n0'",
    ]);
  });

  it('stands on every page that the extension gives a webview', () => {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const pages = files.flatMap((name) =>
      [...readFileSync(path.join(folder, name), 'utf8').matchAll(/\.html\s*=\s*(\w+)/g)].map((match) => match[1]),
    );
    assert.ok(pages.length >= 2);
    assert.deepEqual([...new Set(pages)], ['panelPage']);
  });
});
