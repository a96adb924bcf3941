import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { buildSchema } from '../../scripts/build_schema.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';

const file = new URL('../../media/latro.schema.json', import.meta.url);

interface Node {
  description?: string;
  default?: unknown;
  properties?: Record<string, Node>;
  oneOf?: Node[];
}

describe('schema of latro.json', () => {
  it('is the one generated from the typed schema (run `npx tsx scripts/build_schema.ts` when not)', () => {
    assert.equal(readFileSync(file, 'utf8').replaceAll('\r\n', '\n'), buildSchema());
  });

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
