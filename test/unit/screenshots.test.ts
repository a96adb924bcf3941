import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const read = (...names: string[]) => readFileSync(path.join(root, ...names), 'utf8');
const THEMES = ['dark', 'light', 'high-contrast'];

/** Surfaces that the end-to-end tests take pictures of, by what they call them. */
const taken = readdirSync(path.join(root, 'test', 'e2e'))
  .filter((name) => /^surfaces.*\.test\.ts$/.test(name))
  .flatMap((name) => [...read('test', 'e2e', name).matchAll(/\b(?:picture\(|takePictures\(\w+, )'([a-z-]+)'/g)])
  .map(([, surface]) => surface!);

describe('docs/screenshots', () => {
  it('has each surface that is pictured in three themes, and nothing else', () => {
    assert.ok(taken.length > 30 && new Set(taken).size === taken.length, taken.join(' '));
    const expected = taken.flatMap((surface) => THEMES.map((theme) => `${surface}-${theme}.png`));
    const files = readdirSync(path.join(root, 'docs', 'screenshots')).filter((name) => name.endsWith('.png'));
    assert.deepEqual(files.sort(), expected.sort());
  });

  it('shows all of them in its list, once, and the README shows some', () => {
    const shown = [...read('docs', 'screenshots', 'README.md').matchAll(/[a-z-]+\.png/g)].map(([name]) => name);
    assert.deepEqual(shown.sort(), taken.flatMap((surface) => THEMES.map((theme) => `${surface}-${theme}.png`)).sort());
    const inReadme = [...read('README.md').matchAll(/docs\/screenshots\/([a-z-]+\.png)/g)].map(([, name]) => name!);
    assert.ok(inReadme.length >= 8, 'four surfaces, dark and light');
    for (const name of inReadme) assert.ok(shown.includes(name), name);
  });
});
