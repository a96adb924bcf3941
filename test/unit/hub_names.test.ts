import assert from 'node:assert/strict';
import { isAbsolute, posix, relative, resolve, win32 } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { AccessToken } from '../../src/engine/hub/access_token.ts';
import { HubEndpoint } from '../../src/engine/hub/hub_endpoint.ts';
import { describeSource, folderNameOf, isCommit, parseHubSource } from '../../src/engine/hub/hub_source.ts';
import { isSafePath } from '../../src/engine/hub/safe_path.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';

describe('names on a hub', () => {
  it('are models or datasets, at a revision', () => {
    assert.deepEqual(parseHubSource('HuggingFaceTB/SmolLM2-135M-Instruct'), {
      kind: 'model',
      name: 'HuggingFaceTB/SmolLM2-135M-Instruct',
      revision: 'main',
    });
    assert.deepEqual(parseHubSource(' datasets/openai/gsm8k@refs/pr/3 '), {
      kind: 'dataset',
      name: 'openai/gsm8k',
      revision: 'refs/pr/3',
    });
    assert.deepEqual(parseHubSource('gpt2@v1.0'), { kind: 'model', name: 'gpt2', revision: 'v1.0' });
    for (const text of ['gpt2@main', 'datasets/squad@v1', 'a/b@0123456789012345678901234567890123456789']) {
      assert.equal(describeSource(parseHubSource(text)), text);
    }
    assert.equal(folderNameOf(parseHubSource('datasets/openai/gsm8k')), 'openai--gsm8k');
    assert.ok(isCommit('0123456789012345678901234567890123456789') && !isCommit('main') && !isCommit('0123'));
  });

  for (const text of [
    '',
    '/',
    'a/',
    '/a',
    'a/b/c',
    '../a',
    'a/..',
    'a/.b',
    'a--b',
    'a b',
    'a/b?x=1',
    'a/b#c',
    'a\\b',
    'spaces/a/b',
    'https://huggingface.co/a/b',
    'a/b@',
    'a/b@-x',
    'a/b@a..b',
    'a/b@/x',
    'a/b@x y',
    'a/b@x\u0000',
    'a/b@x/',
    'a/b.git',
    'datasets/',
    `a/${'b'.repeat(300)}`,
  ]) {
    it(`refuses ${JSON.stringify(text).slice(0, 40)}`, async () => {
      await expectLatroError(() => parseHubSource(text), 'bad-request');
    });
  }

  it('whatever is typed, the address stays below the hub', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: fc.constantFrom(...'ab./@-%#?\\:') })),
        (text) => {
          let source: ReturnType<typeof parseHubSource>;
          try {
            source = parseHubSource(text);
          } catch {
            return;
          }
          const page = new URL(new HubEndpoint('https://hub.example/mirror').pageUrl(source));
          assert.equal(page.pathname, `/mirror/${source.kind === 'dataset' ? 'datasets/' : ''}${source.name}`);
          assert.equal(`${page.search}${page.hash}`, '');
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('a hub is an http or https address, and what is wrong with another one is not repeated', async () => {
    assert.equal(new HubEndpoint().base, 'https://huggingface.co');
    assert.equal(new HubEndpoint('https://mirror.example/hf/').base, 'https://mirror.example/hf');
    for (const text of [
      '',
      'huggingface.co',
      'file:///x',
      'https://me:secret@hub.example',
      'https://hub.example?secret',
    ]) {
      const error = await expectLatroError(() => new HubEndpoint(text), 'bad-request', 'HF_ENDPOINT');
      assert.doesNotMatch(error.message, /secret/);
    }
    for (const [address, isPrivate] of [
      ['http://localhost:1', true],
      ['http://127.0.0.1:1', true],
      ['http://[::1]:1', true],
      ['http://127.0.0.1.evil.example', false],
      ['http://localhost.evil.example', false],
      ['http://10.0.0.1', false],
      ['https://x.example', true],
    ] as const) {
      assert.equal(new HubEndpoint(address).isPrivate, isPrivate, address);
    }
  });

  it('a token is shown by nothing but its header', async () => {
    const token = new AccessToken(' hf_secret\n');
    assert.equal(token.authorization, 'Bearer hf_secret');
    for (const text of [`${token}`, JSON.stringify({ token }), inspect(token, { depth: 9, showHidden: true })]) {
      assert.doesNotMatch(text, /secret/);
    }
    for (const text of ['', 'hf_sec ret', 'hf_secret\r\nX: y', 'hf_sécret']) {
      const error = await expectLatroError(() => new AccessToken(text), 'bad-request');
      assert.doesNotMatch(error.message, /hf_/);
    }
  });

  it('a safe path stays below its folder on every system', () => {
    for (const path of ['a.json', 'main/train-00000-of-00001.parquet', 'ü/é.jsonl', 'a b/c (1).json', 'conx.json'])
      assert.ok(isSafePath(path), path);
    const unit = fc.constantFrom(
      'a',
      '.',
      '..',
      '/',
      '\\',
      ':',
      ' ',
      '~',
      '\u0000',
      'CON',
      'nul.txt',
      'é',
      'C:',
      '%2e',
      '\n',
    );
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit })), (path) => {
        if (!isSafePath(path)) return;
        for (const [system, folder] of [
          [posix, '/home/me/data'],
          [win32, 'C:\\me\\data'],
        ] as const) {
          const back = system.relative(folder, system.resolve(folder, path));
          assert.ok(back !== '' && !back.startsWith('..') && !system.isAbsolute(back), path);
          assert.deepEqual(back.split(system.sep), path.split('/'));
        }
        assert.ok(!isAbsolute(relative('/x', resolve('/x', path))));
      }),
      { numRuns: 2000 },
    );
  });
});
