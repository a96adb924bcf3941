import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { buildSchema, buildSchemas, translated } from '../../scripts/build_schema.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { LANGUAGES } from '../support/languages.ts';

const file = new URL('../../media/latro.schema.json', import.meta.url);

interface Node {
  description?: string;
  default?: unknown;
  properties?: Record<string, Node>;
  oneOf?: Node[];
}

const withoutTexts = (schema: unknown): unknown =>
  JSON.parse(JSON.stringify(schema, (key, value) => (TEXTS.has(key) && typeof value === 'string' ? undefined : value)));
const TEXTS = new Set(['description', 'title']);

function descriptionsOf(schema: unknown): string[] {
  const found: string[] = [];
  JSON.stringify(schema, (key, value) => {
    if (key === 'description' && typeof value === 'string') found.push(value);
    return value;
  });
  return found;
}

describe('schema of latro.json', () => {
  it('is the one generated from the typed schema (run `npx tsx scripts/build_schema.ts` when not)', () => {
    const files = buildSchemas();
    assert.equal(files.size, 3);
    for (const [name, schema] of files) assert.equal(readFileSync(name, 'utf8').replaceAll('\r\n', '\n'), schema, name);
  });

  for (const language of LANGUAGES) {
    it(`describes every setting in ${language}, with the same values, and is otherwise the same`, () => {
      const texts = new URL(`../../l10n/schema.${language}.json`, import.meta.url);
      const translations: Record<string, string> = JSON.parse(readFileSync(texts, 'utf8'));
      const asked = new Set<string>();
      const say = translated(translations);
      const schema = JSON.parse(buildSchema((text, ...values) => say(asked.add(text) && text, ...values)));
      assert.deepEqual(Object.keys(translations).sort(), [...asked].sort());
      const holes = (text: string) => text.match(/\{\w+\}/g)?.sort();
      for (const [text, translation] of Object.entries(translations))
        assert.deepEqual(holes(translation), holes(text), text);
      const english = JSON.parse(buildSchema());
      assert.deepEqual(withoutTexts(schema), withoutTexts(english));
      const [said, before] = [descriptionsOf(schema), descriptionsOf(english)];
      assert.ok(said.length > 100 && said.length === before.length);
      for (const [i, text] of said.entries()) assert.notEqual(text, before[i]);
      const manifest = new URL(`../../package.nls.${language}.json`, import.meta.url);
      assert.equal(JSON.parse(readFileSync(manifest, 'utf8')).schema, `./media/latro.schema.${language}.json`);
    });
  }

  it('describes every setting, with the default the engine uses', () => {
    const schema = JSON.parse(readFileSync(file, 'utf8')) as Node;
    const minimal = { model: 'm', dataset: { train: 't' }, trainable: { kind: 'lora' } };
    const { explanations } = resolveRunConfig(minimal, 'latro.json');
    const find = (path: string): Node | undefined =>
      path
        .split('.')
        .reduce<Node | undefined>(
          (node, key) => node?.properties?.[key] ?? node?.oneOf?.[0]?.properties?.[key],
          schema,
        );
    for (const { path, value, origin } of explanations) {
      const node = find(path);
      assert(node?.description !== undefined, `${path} has no description`);
      if (origin !== 'config' && path !== 'optimizer.learningRate') assert.deepEqual(node.default, value, path);
    }
    assert(explanations.length > 50);
  });
});
