import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { pythonListRepr, pythonRepr } from '../../src/engine/datasets/quote.ts';
import { readDataset } from '../../src/engine/datasets/read_dataset.ts';
import { FORMATS, formatById } from '../../src/engine/datasets/registry.ts';
import type { RowContent } from '../../src/engine/datasets/row.ts';
import {
  buildAnswer,
  buildPrompt,
  checkTemplate,
  configureTemplate,
  directChoiceTemplate,
  paperTemplate,
  stepByStepTemplate,
  type Template,
} from '../../src/engine/datasets/template.ts';
import { PRESET_SECTIONS } from '../../src/protocol/run_presets.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { requireShared } from '../support/shared_folder.ts';

const plain = { chat: () => null };
const chat = { chat: (user: string) => `<user>${user}</user>` };
const choiceRow: RowContent = { question: 'What floats?', answer: 'oil', choices: ['oil', "it's iron"] };

describe('datasets: prompts', function () {
  this.timeout(60_000);
  it("are the reference code's, for chat models and plain ones", () => {
    const row = { question: 'How many?', answer: '72' };
    for (const id of ['gsm8k', 'svamp', 'multiarith', 'last-letters', 'coin-flip'] as const) {
      const { template, directTemplate } = formatById(id);
      assert.equal(buildPrompt(row, template, chat), "<user>How many? Let's think step by step.</user>");
      assert.equal(buildPrompt(row, template, plain), "How many?\nLet's think step by step.");
      assert.equal(buildPrompt(row, directTemplate, plain), 'How many?');
    }
    const arc = formatById('arc-challenge').template;
    assert.equal(
      buildPrompt(choiceRow, arc, chat),
      "<user>Question: What floats?\nOptions: ['oil', \"it's iron\"]\nLet's think step by step first then print your answer like 'The answer is (one of the options)'.</user>",
    );
    assert.equal(
      buildPrompt(choiceRow, arc, plain),
      "Question: What floats?\nOptions: ['oil', \"it's iron\"]\nAnswer: Let's think step by step.",
    );
    assert.equal(
      buildPrompt(choiceRow, directChoiceTemplate, plain),
      "\nThe output MUST strictly follow the structure and format described below:\n\n1. The answer should be strictly one of the options given in the question\n2. Do not include any text after you choose an option.\n**Example:**\nQuestion: (question here)\nOptions: [option1, option2, option3]\nThe answer is: (one of the options).\n\nQuestion: What floats?\nOptions: ['oil', \"it's iron\"]\n",
    );
  });

  it('put the context before the question unless the template has a place for it', () => {
    const row = { question: 'Who?', answer: 'Ada', context: 'Ada wrote it.' };
    assert.equal(buildPrompt(row, stepByStepTemplate, plain), "Ada wrote it.\n\nWho?\nLet's think step by step.");
    const own = { ...stepByStepTemplate, plain: 'Q: {question}\nPassage: {context}' };
    assert.equal(buildPrompt(row, own, plain), 'Q: Who?\nPassage: Ada wrote it.');
    assert.equal(buildPrompt({ question: 'Who?', answer: 'Ada' }, own, plain), 'Q: Who?\nPassage: ');
  });

  it('leave placeholders, "$&" and braces inside a question as they are', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.constantFrom('{question}', '{choices} {answer}', '$& $1 $$', '{trigger}', '\\boxed{7}'),
        ),
        (question) => {
          assert.equal(
            buildPrompt({ question, answer: 'x' }, stepByStepTemplate, plain),
            `${question}\nLet's think step by step.`,
          );
          const { text } = buildAnswer({ question, answer: question }, paperTemplate(stepByStepTemplate), '</s>');
          assert.equal(text, `The answer is ${question}.</s>`);
        },
      ),
    );
  });

  it('with {choices} refuse a row that has none, and a template without its question or answer is refused', async () => {
    await expectLatroError(
      () => buildPrompt({ question: 'q', answer: 'a' }, directChoiceTemplate, plain),
      'config-invalid',
      '{choices}',
    );
    const broken: Partial<Template>[] = [
      { chat: 'no' },
      { plain: 'no' },
      { answer: 'no' },
      { answer: '{answer} {answer}' },
    ];
    for (const part of broken)
      await expectLatroError(() => checkTemplate({ ...stepByStepTemplate, ...part }), 'config-invalid');
    for (const { template, directTemplate } of FORMATS)
      for (const sound of [template, directTemplate]) checkTemplate(sound);
  });

  it("latro.json's defaults change nothing, its settings change what they name", async () => {
    const { trigger, answer, separator } = PRESET_SECTIONS.templates;
    const corrected = {
      trigger: trigger['latro-corrected'],
      answer: answer['latro-corrected'],
      separator: separator['latro-corrected'],
    };
    for (const { template } of FORMATS) assert.deepEqual(configureTemplate(template, corrected), template);
    const paper = {
      trigger: trigger['latro-paper'],
      answer: answer['latro-paper'],
      separator: separator['latro-paper'],
    };
    for (const { template } of FORMATS)
      assert.deepEqual(configureTemplate(paperTemplate(template), paper), paperTemplate(template));
    const own = configureTemplate(stepByStepTemplate, {
      trigger: 'Think.',
      answer: 'So: {answer}',
      separator: ' ',
      prompt: '{question} ({trigger})',
    });
    assert.equal(buildPrompt({ question: 'q', answer: 'a' }, own, chat), '<user>q (Think.)</user>');
    assert.equal(buildAnswer({ question: 'q', answer: 'a' }, own, '').text, ' So: a');
    await expectLatroError(
      () => configureTemplate(stepByStepTemplate, { ...corrected, prompt: 'no place' }),
      'config-invalid',
    );
  });
});

describe('datasets: answers', function () {
  this.timeout(60_000);
  it('y begins with the separator, ends with the end token, and knows which part is the answer', () => {
    const { text, parts } = buildAnswer({ question: 'q', answer: '72' }, stepByStepTemplate, '<|im_end|>');
    assert.equal(text, '\nThe answer is 72.<|im_end|>');
    assert.deepEqual(parts, [
      { text: '\nThe answer is ', part: 'template' },
      { text: '72', part: 'answer' },
      { text: '.', part: 'template' },
      { text: '<|im_end|>', part: 'template' },
    ]);
    assert.equal(
      buildAnswer({ question: 'q', answer: '72' }, paperTemplate(stepByStepTemplate), '</s>').text,
      'The answer is 72.</s>',
    );
  });

  it('an answer that ends a sentence gets no second full stop, except in the paper variant', () => {
    const row = { question: 'q', answer: 'Days become shorter.' };
    assert.equal(buildAnswer(row, stepByStepTemplate, '</s>').text, '\nThe answer is Days become shorter.</s>');
    assert.equal(
      buildAnswer(row, paperTemplate(stepByStepTemplate), '</s>').text,
      'The answer is Days become shorter..</s>',
    );
  });

  it('the parts joined are the text, none is empty, exactly one is the answer', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.string(),
        fc.string(),
        fc.string(),
        fc.constantFrom('', '\n', ' '),
        fc.boolean(),
        (answer, before, after, end, separator, joinFullStop) => {
          fc.pre(!`${before}${after}`.includes('{answer}'));
          const { text, parts } = buildAnswer(
            { question: 'q', answer },
            { ...stepByStepTemplate, answer: `${before}{answer}${after}`, separator, joinFullStop },
            end,
          );
          assert.equal(parts.map((part) => part.text).join(''), text);
          assert.ok(parts.every((part) => part.text !== ''));
          assert.deepEqual(
            parts.filter((part) => part.part === 'answer').map((part) => part.text),
            [answer],
          );
        },
      ),
    );
  });
});

describe("datasets: Python's repr", function () {
  this.timeout(60_000);
  it('equals what Python 3.11 printed', () => {
    const printed: [string, string][] = [
      ["it's c", '"it\'s c"'],
      ['say "hi"', '\'say "hi"\''],
      ['both \' and "', "'both \\' and \"'"],
      ['tab\tnl\nback\\slash', "'tab\\tnl\\nback\\\\slash'"],
      ['nbsp\u00a0zwsp\u200b', "'nbsp\\xa0zwsp\\u200b'"],
      ['\u202ertl', "'\\u202ertl'"],
      ['é ü 漢 😀', "'é ü 漢 😀'"],
      ['\x7f\x00\x1f', "'\\x7f\\x00\\x1f'"],
      ['\ud800', "'\\ud800'"],
      ['\u{e0001}', "'\\U000e0001'"],
      ['', "''"],
      [' ', "' '"],
    ];
    for (const [text, repr] of printed) assert.equal(pythonRepr(text), repr);
    assert.equal(pythonListRepr(['a', 'b', "it's c"]), `['a', 'b', "it's c"]`);
  });

  it('of every list of options in ARC is the same, by the SHA-256 of what Python printed', async function () {
    const expected = {
      'train.jsonl': 'e680a7d00829e45f2469d139ba86fc1edd0043bb78dbd99483a809a5443b1a8a',
      'test.jsonl': '2ca14fb2f7046e574ae4d49df4f34e95b2d174a04f7ad03ab1a17f7bde89b52f',
    };
    for (const [file, digest] of Object.entries(expected)) {
      const { rows } = await readDataset(requireShared(this, 'datasets', 'arc-challenge', file));
      const hash = createHash('sha256');
      for (const row of rows) hash.update(`${pythonListRepr(row.choices ?? [])}\n`);
      assert.equal(hash.digest('hex'), digest);
    }
  });
});
