import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { toJsonSchema } from '@valibot/to-json-schema';
import fc from 'fast-check';
import { rowIds } from '../../src/extension/dataset/row_ids.ts';
import { excerpt, verdictOf } from '../../src/extension/testing/evaluation_set.ts';
import { TOOL_INPUTS, type ToolName } from '../../src/extension/tools/tool_inputs.ts';
import type { EvaluationRow } from '../../src/protocol/records.ts';

interface Schema {
  readonly type?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly minimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

const root = path.resolve(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  contributes: { languageModelTools: { name: ToolName; modelDescription: string; inputSchema: Schema }[] };
};

/** A schema without its words. */
function bare({ type, properties = {}, required = [], minimum, minLength, maxLength }: Schema): unknown {
  const members = Object.entries(properties).map(([name, member]) => [name, bare(member)]);
  return { type, required: [...required].sort(), minimum, minLength, maxLength, members: Object.fromEntries(members) };
}

describe('language-model tools', () => {
  const tools = manifest.contributes.languageModelTools;

  it('take what package.json tells models to give', () => {
    assert.deepEqual(tools.map(({ name }) => name).sort(), Object.keys(TOOL_INPUTS).sort());
    for (const { name, inputSchema } of tools) {
      assert.deepEqual(bare(inputSchema), bare(toJsonSchema(TOOL_INPUTS[name]) as Schema), name);
    }
  });

  it('say what they are for, when not to use them, and what each input means', () => {
    for (const { name, modelDescription, inputSchema } of tools) {
      assert.match(name, /^latro_[a-z]+_[a-z]+$/);
      assert.match(modelDescription, /not |never /, name);
      for (const [member, { description }] of Object.entries(inputSchema.properties ?? {})) {
        assert.ok(description, `${name}.${member}`);
      }
    }
  });
});

describe('evaluation sets as tests', () => {
  it('give every row an id of its own, the same whatever rows come after', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c')), fc.array(fc.constantFrom('a', 'b')), (keys, more) => {
        const ids = rowIds(keys);
        assert.equal(new Set(ids).size, keys.length);
        assert.deepEqual(rowIds([...keys, ...more]).slice(0, keys.length), ids);
      }),
    );
  });

  it('pass or fail by the greedy answer, and show a question on one line', () => {
    const greedy = { text: 'so 7', extractedAnswer: '7', correct: false, tokens: 2, finished: true };
    const row = { greedy, goldAnswer: '8' } as EvaluationRow;
    assert.deepEqual(verdictOf(row), { passed: false, expected: '8', actual: '7', text: 'so 7' });
    assert.equal(excerpt('one\n  two'), 'one two');
    assert.equal(excerpt('x'.repeat(100), 10), `${'x'.repeat(9)}…`);
  });
});
