import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import * as fc from 'fast-check';
import { tokenDecoding } from '../../src/engine/model/token_bytes.ts';
import { Tokenizer } from '../../src/engine/model/tokenizer.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { temporaryFolder, tinyConfig } from '../support/model_fixtures.ts';
import { requireShared } from '../support/shared_folder.ts';

const ALL = { skipSpecialTokens: false };
const SKIP = { skipSpecialTokens: true };

/** A byte-level tokenizer of single bytes, two special tokens and one added token with a space, as tokenizer.json has it. */
function byteLevelJson(): Record<string, unknown> {
  const alphabet: string[] = [];
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    alphabet.push(String.fromCharCode(printable ? byte : next++));
  }
  const added = (id: number, content: string, special: boolean) => ({
    id,
    content,
    special,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  });
  return {
    added_tokens: [added(256, '<s>', true), added(257, '</s>', true), added(258, 'two words', false)],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', vocab: Object.fromEntries(alphabet.map((token, id) => [token, id])), merges: [] },
  };
}

describe('tokenizer', () => {
  const folder = temporaryFolder();
  let bytes: Tokenizer;

  before(async () => {
    await writeFile(join(folder.path, 'tokenizer.json'), JSON.stringify(byteLevelJson()));
    await writeFile(
      join(folder.path, 'tokenizer_config.json'),
      JSON.stringify({ bos_token: '<s>', eos_token: { content: '</s>' }, pad_token: null }),
    );
    bytes = await Tokenizer.load(folder.path);
  });

  it('knows its size and its special tokens', () => {
    assert.equal(bytes.vocabSize, 259);
    assert.deepEqual([bytes.bosTokenId, bytes.eosTokenId, bytes.padTokenId], [256, 257, null]);
    assert.deepEqual([...bytes.specialIds], [256, 257]);
    assert.deepEqual(bytes.specialTokens, { bos: '<s>', eos: '</s>', pad: null, unk: null });
  });

  it('gives back any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const ids = bytes.encode(text, { addSpecialTokens: false });
        assert.equal(bytes.decode(ids), text);
      }),
    );
    assert.deepEqual(bytes.encode('', { addSpecialTokens: false }), []);
    assert.equal(bytes.decode([]), '');
  });

  it('shows a character spread over tokens on the token that completes it', () => {
    const ids = bytes.encode('é🙂!', { addSpecialTokens: false });
    assert.deepEqual(bytes.decodePieces(ids), ['', 'é', '', '', '', '🙂', '!']);
    assert.deepEqual(bytes.decodePieces(ids.slice(0, 4)), ['', 'é', '', '\uFFFD']);
  });

  it('shows special and added tokens as they are, skips the special ones on request, and ids it does not have', () => {
    const ids = [256, 72, 258, 105, 9999, 257];
    assert.deepEqual(bytes.decodePieces(ids, ALL), ['<s>', 'H', 'two words', 'i', '', '</s>']);
    assert.deepEqual(bytes.decodePieces(ids, SKIP), ['', 'H', 'two words', 'i', '', '']);
    assert.equal(bytes.decode(ids, SKIP), 'Htwo wordsi');
  });

  it('decodes a growing list of tokens piece by piece', () => {
    const stream = bytes.decodeStream(SKIP);
    const [first, second] = bytes.encode('é', { addSpecialTokens: false });
    assert.deepEqual(
      [stream.push(first!), stream.push(257), stream.push(second!), stream.push(first!)],
      ['', '', 'é', ''],
    );
    assert.equal(stream.end(), '\uFFFD');
    assert.equal(stream.push(72), 'H');
  });

  for (const model of [
    'tokenizers/qwen2_5',
    'tokenizers/llama3_2',
    'tokenizers/smollm2',
    'tokenizers/minimind2-small',
    'models/stories260K',
    'models/stories15M',
  ]) {
    describe(model, () => {
      let path: string;
      let tokenizer: Tokenizer;
      before(async function () {
        path = requireShared(this, model);
        tokenizer = await Tokenizer.load(path);
      });

      it('decodes sampled ids to the text of Hugging Face’s decoder, in pieces that join to it', () => {
        const json = JSON.parse(readFileSync(join(path, 'tokenizer.json'), 'utf8')) as object;
        const reference = new HuggingFaceTokenizer(json, {});
        const ids = fc.array(fc.nat(tokenizer.vocabSize - 1), { minLength: 1, maxLength: 12 });
        fc.assert(
          fc.property(ids, fc.boolean(), (list, skip) => {
            const pieces = tokenizer.decodePieces(list, { skipSpecialTokens: skip });
            assert.equal(pieces.length, list.length);
            const expected = reference.decode(list, { skip_special_tokens: skip, clean_up_tokenization_spaces: false });
            assert.equal(pieces.join(''), expected);
            assert.equal(tokenizer.decode(list, { skipSpecialTokens: skip }), expected);
          }),
          { numRuns: 200 },
        );
      });

      it('gives back texts in many scripts', () => {
        for (const text of [
          'Tom has 3 apples, and 4 more.',
          'naïve café',
          '你好，世界',
          'שלום',
          '🙂🚀',
          'a\n\n  b\tc',
          "don't",
          '∑ x² ≤ π',
        ]) {
          const ids = tokenizer.encode(text, { addSpecialTokens: false });
          assert.equal(tokenizer.decode(ids), text.normalize('NFC'));
          assert.equal(tokenizer.decodePieces(ids).join(''), text.normalize('NFC'));
        }
      });
    });
  }

  it('drops the space SentencePiece puts before a text, once, wherever it comes from', async function () {
    const stories = await Tokenizer.load(requireShared(this, 'models', 'stories260K'));
    const ids = stories.encode('Once upon', { addSpecialTokens: true });
    assert.equal(ids[0], stories.bosTokenId);
    assert.equal(stories.decode(ids, SKIP), 'Once upon');
    assert.equal(stories.decode([...ids, ...ids.slice(1)], SKIP), 'Once upon Once upon');
  });

  describe('refuses', () => {
    it('a tokenizer with more ids than the model has embeddings', async () => {
      bytes.checkAgainst(tinyConfig('llama', { vocab_size: 259 }));
      bytes.checkAgainst(tinyConfig('llama', { vocab_size: 300 }));
      await expectLatroError(
        () => bytes.checkAgainst(tinyConfig('llama', { vocab_size: 258 })),
        'tokenizer-mismatch',
        '258',
        folder.path,
      );
    });

    const offer = async (content: string): Promise<string> => {
      const path = join(folder.path, 'broken');
      await mkdir(path, { recursive: true });
      await writeFile(join(path, 'tokenizer.json'), content);
      return path;
    };

    it('a folder without tokenizer.json', () =>
      expectLatroError(() => Tokenizer.load(join(folder.path, 'nowhere')), 'model-not-found', 'tokenizer.json'));

    it('a tokenizer.json that is cut short', async () => {
      const whole = await readFile(join(folder.path, 'tokenizer.json'), 'utf8');
      const path = await offer(whole.slice(0, whole.length / 2));
      await expectLatroError(() => Tokenizer.load(path), 'model-damaged', 'not valid JSON', 'tokenizer.json');
    });

    it('JSON that is no tokenizer', async () => {
      for (const json of ['{}', '[]', 'null', '7']) {
        const path = await offer(json);
        await expectLatroError(() => Tokenizer.load(path), 'model-unsupported', 'tokenizer.json');
      }
      const { model: _, ...rest } = byteLevelJson();
      const path = await offer(JSON.stringify(rest));
      await expectLatroError(() => Tokenizer.load(path), 'model-damaged', 'tokenizer.json');
    });

    it('token ids that no vocabulary reaches, which would take memory without end, or that are no ids', async () => {
      const sound = byteLevelJson();
      const model = sound.model as { readonly vocab: object };
      for (const id of [1e9, -1, 1.5, '7', null]) {
        const inVocabulary = { ...sound, model: { ...model, vocab: { ...model.vocab, zzz: id } } };
        const added = { ...sound, added_tokens: [{ id, content: 'zzz', special: true }] };
        for (const json of [inVocabulary, added]) {
          const path = await offer(JSON.stringify(json));
          const expected = `the id ${JSON.stringify(id)},`;
          await expectLatroError(() => Tokenizer.load(path), 'model-damaged', expected, 'tokenizer.json');
        }
      }
    });

    it('a decoder of another family', async () => {
      const path = await offer(JSON.stringify({ ...byteLevelJson(), decoder: { type: 'WordPiece', prefix: '##' } }));
      await expectLatroError(() => Tokenizer.load(path), 'model-unsupported', '"WordPiece"');
      const strips = {
        type: 'Sequence',
        decoders: [{ type: 'Fuse' }, { type: 'Strip', content: 'x', start: 1, stop: 0 }],
      };
      await expectLatroError(() => tokenDecoding(strips, 'there'), 'model-unsupported', 'there');
    });
  });
});
