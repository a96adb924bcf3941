/** Every text of the extension, its manifest and its panels is there in every language, with the same values filled in. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PROBLEM_TEMPLATES } from '../../src/extension/inline/problem_templates.ts';
import { defaultStrings } from '../../webview/strings.ts';

const root = path.resolve(import.meta.dirname, '../..');
const LANGUAGES = ['zh-cn', 'ja'];

const read = (file: string): Record<string, string> => JSON.parse(readFileSync(path.join(root, file), 'utf8'));
const placeholders = (text: string): string[] => [...new Set(text.match(/\{\d\}/g) ?? [])].sort();
const links = (text: string): string[] => [...text.matchAll(/\((command:[\w.]+)\)/g)].map((match) => match[1]!).sort();

/** First arguments of `l10n.t(…)`; the one call whose argument is no literal is that of PROBLEM_TEMPLATES. */
function sourceTexts(): string[] {
  const folder = path.join(root, 'src', 'extension');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return files.flatMap((name) => {
    const text = readFileSync(path.join(folder, name), 'utf8');
    const calls = [...text.matchAll(/\bl10n\.t\(\s*(?:('(?:[^'\\\n]|\\.)*')|("(?:[^"\\\n]|\\.)*")|(`[^`$]*`))?/g)];
    return calls.flatMap((call) => {
      const literal = call[1] ?? call[2] ?? call[3];
      if (literal !== undefined) return [literal.slice(1, -1).replaceAll(/\\(['"`\\])/g, '$1')];
      assert.equal(path.basename(name), 'problem_text.ts', `${name}: l10n.t needs a literal`);
      return [];
    });
  });
}

function compare(source: Readonly<Record<string, string>>, translated: Readonly<Record<string, string>>, file: string) {
  assert.deepEqual(Object.keys(translated).sort(), Object.keys(source).sort(), file);
  for (const [key, text] of Object.entries(translated)) {
    assert.notEqual(text.trim(), '', `${file}: ${key}`);
    assert.deepEqual(placeholders(text), placeholders(source[key]!), `${file}: ${key}`);
    assert.deepEqual(links(text), links(source[key]!), `${file}: ${key}`);
  }
}

describe('languages', () => {
  const texts = [...new Set([...sourceTexts(), ...PROBLEM_TEMPLATES])];

  it('finds the texts of the source', () => {
    assert.ok(texts.length > 200, `${texts.length}`);
    assert.ok(texts.includes('Open the answers') && texts.includes('No folder is open.'));
  });

  for (const language of LANGUAGES) {
    it(`has every text of the extension in ${language}, and no other`, () => {
      const file = `l10n/bundle.l10n.${language}.json`;
      compare(Object.fromEntries(texts.map((text) => [text, text])), read(file), file);
    });

    it(`has every text of the manifest in ${language}, with the same links`, () => {
      const file = `package.nls.${language}.json`;
      compare(read('package.nls.json'), read(file), file);
    });

    it(`has every text of the panels in ${language}`, () => {
      const file = `l10n/panels.${language}.json`;
      compare(defaultStrings, read(file), file);
    });

    it(`has every page of the walkthrough in ${language}`, () => {
      const pages = readdirSync(path.join(root, 'media', 'walkthrough')).filter((name) => /^\w+\.md$/.test(name));
      assert.ok(pages.length > 3);
      const missing = pages.filter((name) => {
        return !existsSync(path.join(root, 'media', 'walkthrough', name.replace(/\.md$/, `.nls.${language}.md`)));
      });
      assert.deepEqual(missing, []);
    });
  }
});
