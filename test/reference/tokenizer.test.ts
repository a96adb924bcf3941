import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChatTemplate } from '../../src/engine/model/chat_template.ts';
import { Tokenizer } from '../../src/engine/model/tokenizer.ts';
import { requireShared } from '../support/shared_folder.ts';

interface Cases {
  readonly texts: readonly { text: string; ids: number[]; ids_with_special: number[]; decoded: string }[];
  readonly chat?: readonly { messages: { role: 'system' | 'user' | 'assistant'; content: string }[]; prompt: string }[];
}

/** The day on which the reference prompts were rendered; Llama's hold it. */
const RENDERED_ON = new Date(2026, 10, 21);

describe('tokenizers and chat prompts equal those of Hugging Face tokenizers and transformers', () => {
  for (const model of ['minimind2-small', 'qwen2_5', 'llama3_2', 'smollm2']) {
    describe(model, () => {
      let folder: string;
      let cases: Cases;
      let tokenizer: Tokenizer;

      before(async function () {
        folder = requireShared(this, 'tokenizers', model);
        const all = JSON.parse(readFileSync(join(folder, '..', 'cases.json'), 'utf8')) as Record<string, Cases>;
        cases = all[model] as Cases;
        tokenizer = await Tokenizer.load(folder);
      });

      it('encodes every text to the same ids, with and without special tokens', () => {
        assert.ok(cases.texts.length > 0);
        for (const { text, ids, ids_with_special } of cases.texts) {
          assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: false }), ids, JSON.stringify(text));
          assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: true }), ids_with_special, JSON.stringify(text));
        }
        console.log(`      ${model}: ${cases.texts.length} texts identical`);
      });

      it('decodes every text to the same string', () => {
        for (const { ids, decoded } of cases.texts) assert.equal(tokenizer.decode(ids), decoded);
      });

      it('renders every conversation to the same prompt', async () => {
        const template = await ChatTemplate.load(folder, tokenizer.specialTokens);
        assert.equal(template !== null, cases.chat !== undefined);
        if (template === null || cases.chat === undefined) return;
        for (const { messages, prompt } of cases.chat) {
          assert.equal(template.render(messages, { addGenerationPrompt: true, now: RENDERED_ON }), prompt);
        }
        console.log(`      ${model}: ${cases.chat.length} prompts identical`);
      });
    });
  }
});
