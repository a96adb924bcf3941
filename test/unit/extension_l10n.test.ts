/** Every text of the extension, its manifest and its panels is there in every language, with the same values filled in. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { collectEngineMessages, type EngineMessages } from '../../scripts/engine_messages.ts';
import { defaultStrings } from '../../webview/strings.ts';

const root = path.resolve(import.meta.dirname, '../..');
const LANGUAGES = ['zh-cn', 'ja'];

const read = (file: string): Record<string, string> => JSON.parse(readFileSync(path.join(root, file), 'utf8'));
/** {0} is filled in at run time; {question} is what a person writes. */
const placeholders = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
const links = (text: string): string[] => [...text.matchAll(/\((command:[\w.]+)\)/g)].map((match) => match[1]!).sort();

/** First arguments of `l10n.t(…)`. */
function sourceTexts(): string[] {
  const folder = path.join(root, 'src', 'extension');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return files.flatMap((name) => {
    const text = readFileSync(path.join(folder, name), 'utf8');
    const calls = [...text.matchAll(/\bl10n\.t\(\s*(?:('(?:[^'\\\n]|\\.)*')|("(?:[^"\\\n]|\\.)*")|(`[^`$]*`))?/g)];
    return calls.flatMap((call) => {
      const literal = call[1] ?? call[2] ?? call[3];
      assert.ok(literal !== undefined, `${name}: l10n.t needs a literal`);
      return [literal.slice(1, -1).replaceAll(/\\(['"`\\])/g, '$1')];
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
  const texts = [...new Set(sourceTexts())];
  let engine: EngineMessages;
  before(function () {
    this.timeout(120_000); // it type-checks the project
    engine = collectEngineMessages();
  });

  it('finds the texts of the source', () => {
    assert.ok(texts.length > 200, `${texts.length}`);
    assert.ok(texts.includes('Open the answers') && texts.includes('No folder is open.'));
  });

  it('finds what the engine says, wherever its source says it', () => {
    const { templates } = engine;
    assert.ok(templates.length > 400, `${templates.length}`);
    for (const said of [
      'There is no dataset file {0}.', // one of a table of reasons
      'Process {0} on {1} is writing the run {2}.', // a choice within a sentence
      'The last good checkpoint is kept: start a new run from its "adapter" (or "model") folder with a lower optimizer.learningRate.', // a constant
      '{0}: the tensor "{1}" is in two shards.', // an argument of the function that throws
      'Rationales are shrinking towards nothing: the model finds that saying less disturbs the answer less.', // a health warning
      'must be a whole number', // a requirement of a setting
      'Its process ended without saving; it can be resumed.', // the state of a run
    ]) {
      assert.ok(templates.includes(said), said);
    }
  });

  it('knows what every error of the engine may say, but for the one that passes another on', () => {
    assert.deepEqual(engine.unknown, ['src/engine/training/non_finite.ts: error.reason']);
  });

  for (const language of LANGUAGES) {
    it(`has every text of the extension and of the engine in ${language}, and no other`, () => {
      const file = `l10n/bundle.l10n.${language}.json`;
      const said = engine.templates.map((text) => [`${text}/engine`, text]);
      compare(Object.fromEntries([...texts.map((text) => [text, text]), ...said]), read(file), file);
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
