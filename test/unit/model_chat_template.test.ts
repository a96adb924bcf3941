import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ChatTemplate,
  type RenderOptions,
  TEMPLATE_LIMITS,
  type TemplateLimits,
} from '../../src/engine/model/chat_template.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';

const SPECIAL = { bos: '<s>', eos: '</s>', pad: null, unk: null };
const OPTIONS: RenderOptions = { addGenerationPrompt: true, now: new Date(2026, 10, 1, 15, 4, 5) };
const HELLO = [{ role: 'user', content: 'Hello' }] as const;

function render(source: string, options: Partial<RenderOptions> = {}, limits: Partial<TemplateLimits> = {}): string {
  const template = new ChatTemplate(source, 'a test', SPECIAL, { ...TEMPLATE_LIMITS, ...limits });
  return template.render(HELLO, { ...OPTIONS, ...options });
}

describe('chat template', () => {
  const folder = temporaryFolder();

  it('sees what transformers gives a template', () => {
    assert.equal(
      render('{{ bos_token }}{{ messages[0].role }}: {{ messages[0]["content"] }}{{ eos_token }}'),
      '<s>user: Hello</s>',
    );
    assert.equal(render('{% if add_generation_prompt %}go{% endif %}', { addGenerationPrompt: false }), '');
    assert.equal(render('{{ tools is none }} {{ documents is none }} {{ pad_token is defined }}'), 'true true false');
    assert.equal(render('{{ enable_thinking }}', { variables: { enable_thinking: false } }), 'false');
    assert.equal(render('{% for i in range(1, 7, 2) %}{{ i }}{% endfor %}{{ range(3) | length }}'), '1353');
  });

  it('trims blocks as transformers does', () => {
    assert.equal(render('a\n  {% if true %}\n  b\n  {%- endif %}\n'), 'a\n  b');
  });

  it('reads the clock it is given, in English whatever the locale', () => {
    assert.equal(
      render('{{ strftime_now("%d %b %Y, %A %B %H:%M:%S %I %p %y %% %Q") }}'),
      '01 Nov 2026, Sunday November 15:04:05 03 PM 26 % %Q',
    );
  });

  it('takes chat_template.jinja before tokenizer_config.json, and "default" of several', async () => {
    const config = join(folder.path, 'tokenizer_config.json');
    assert.equal(await ChatTemplate.load(folder.path, SPECIAL), null);
    await writeFile(config, '{"chat_template": null}');
    assert.equal(await ChatTemplate.load(folder.path, SPECIAL), null);
    const loaded = async () => (await ChatTemplate.load(folder.path, SPECIAL))?.render(HELLO, OPTIONS);
    await writeFile(config, JSON.stringify({ chat_template: 'one' }));
    assert.equal(await loaded(), 'one');
    await writeFile(
      config,
      JSON.stringify({
        chat_template: [
          { name: 'tool_use', template: 'no' },
          { name: 'default', template: 'two' },
        ],
      }),
    );
    assert.equal(await loaded(), 'two');
    await writeFile(join(folder.path, 'chat_template.jinja'), 'three');
    assert.equal(await loaded(), 'three');
  });

  it('passes on the template’s own reason for refusing a conversation', () =>
    expectLatroError(
      () => render('{{ raise_exception("Conversation roles must alternate") }}'),
      'chat-template',
      'refuses the conversation: Conversation roles must alternate',
      'a test',
    ));

  describe('names the file of a template that is not one', () => {
    for (const source of [
      '{% if %}',
      '{{ 1 +',
      '{% for x in y %}',
      '{{ unknown() }}',
      '{{ messages | no_such_filter }}',
      '{% include "x" %}',
    ]) {
      it(source, () => expectLatroError(() => render(source), 'chat-template', 'a test'));
    }
    it('in a folder', async () => {
      const path = join(folder.path, 'broken');
      await mkdir(path);
      await writeFile(join(path, 'chat_template.jinja'), '{% if %}');
      await expectLatroError(
        () => ChatTemplate.load(path, SPECIAL),
        'chat-template',
        join(path, 'chat_template.jinja'),
      );
    });
  });

  describe('stops what a hostile template may try', () => {
    /** Where another limit is asked about: a slow machine may take the two seconds before it. */
    const SLOWLY = { milliseconds: 60_000 };
    const stopped = (source: string, limits: Partial<TemplateLimits>, ...parts: string[]) =>
      expectLatroError(() => render(source, {}, limits), 'chat-template', ...parts);

    it('a template too long to look at', () => stopped('x'.repeat(200_001), {}, '200001 characters'));
    it('loops within loops', () =>
      stopped(
        '{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}',
        { ...SLOWLY, steps: 10_000 },
        'more than 10000 steps',
      ));
    it('loops within loops that do nothing', () =>
      stopped(
        '{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}',
        { milliseconds: 300 },
        'a test',
      ));
    it('a list of long lists', () =>
      stopped(
        '{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = ns.x + [range(99999)] %}{% endfor %}',
        SLOWLY,
        'more than 1000000 steps',
      ));
    it('a text that doubles', () =>
      stopped(
        `{% set ns = namespace(x="ab") %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}`,
        SLOWLY,
        'a value of',
      ));
    it('a list that doubles', () =>
      stopped(
        `{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}`,
        {},
        'exceeds a limit',
      ));
    it('an output made of many parts', () =>
      stopped(
        '{% for i in range(100000) %}{{ "0123456789" }}{% endfor %}',
        { ...SLOWLY, valueLength: 100_000 },
        'a value of',
      ));
    it('a range of a trillion numbers, or of none that ends', async () => {
      await stopped('{{ range(1000000000000) }}', {}, 'a range of');
      await stopped('{{ range(0, 5, 0) }}', {}, 'a range of');
    });
    it('a macro that calls itself', () => stopped('{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}', {}, 'a test'));
    it('parentheses a hundred thousand deep', () => stopped(`{{ ${'('.repeat(100_000)}1 }}`, {}, 'a test'));
    it('one library call that takes for ever', async () => {
      const before = process.cpuUsage();
      const source = `{% set ns = namespace(x="a") %}{% for i in range(21) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x.replace("", ns.x) }}`;
      await stopped(source, { milliseconds: 300 }, 'a test');
      assert.ok(process.cpuUsage(before).user < 5_000_000, 'five seconds of computing');
    });
    it('but none that a busy machine keeps waiting', () => {
      /** A date whose first `waits` looks take longer than the limit without computing anything, as on a machine that is busy. */
      const slowDate = (waits: number, limit: number): Date => {
        const date = new Date(2026, 0, 2);
        let left = waits;
        date.getMonth = () => {
          if (left-- > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, limit + 50);
          return 0;
        };
        return date;
      };
      const template = (waits: number, milliseconds: number) =>
        new ChatTemplate('{{ strftime_now("%Y") }}', 'a test', SPECIAL, {
          ...TEMPLATE_LIMITS,
          milliseconds,
        }).render([], { addGenerationPrompt: false, now: slowDate(waits, milliseconds) });
      // Long enough for whatever else the process computes meanwhile to stay below half of it.
      assert.equal(template(2, 400), '2026');
      assert.throws(() => template(Number.POSITIVE_INFINITY, 20), /more than 20 ms/, 'nor does it wait for ever');
    });
    it('reaching for the program around it', () => {
      for (const source of [
        '{{ messages.constructor }}',
        '{{ messages.__proto__ }}',
        '{{ "".constructor }}',
        '{{ raise_exception.constructor }}',
        '{{ process }}{{ globalThis }}{{ require }}',
      ]) {
        assert.equal(render(source), '', source);
      }
      assert.throws(() => render('{{ "".constructor.constructor("return process")() }}'), /chat template/);
    });
  });
});
