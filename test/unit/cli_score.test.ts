import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SafetensorsFile } from '../../src/engine/model/safetensors.ts';
import { Tokenizer } from '../../src/engine/model/tokenizer.ts';
import { latroOk, type Outcome } from '../support/command_line.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { requireShared } from '../support/shared_folder.ts';
import { writeTinyFolder } from '../support/tiny_folder.ts';

interface Score {
  readonly logprobs: number[];
  readonly sum: number;
  readonly tokens: number;
}

const scores = ({ stdout }: Outcome): Score[] => stdout.lines.map((line) => JSON.parse(line) as Score);

describe('latro score', () => {
  const folder = temporaryFolder();
  const run = async (model: string, rows: readonly object[], ...more: string[]): Promise<Score[]> => {
    await writeFile(join(folder.path, 'rows.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
    const outcome = await latroOk(['score', '--model', model, '--rows', 'rows.jsonl', '--threads', '1', ...more], {
      cwd: folder.path,
    });
    return scores(outcome);
  };
  before(() => writeTinyFolder(join(folder.path, 'model')));

  for (const name of ['tiny-llama3', 'tiny-phi3', 'tiny-qwen3', 'stories260K']) {
    for (const key of ['base', 'lora'] as const) {
      it(`agrees with PyTorch on ${name}, ${key}`, async function () {
        const model = requireShared(this, 'models', name);
        const reference = await SafetensorsFile.open(join(model, 'reference.safetensors'));
        try {
          const [rows, length] = reference.info('input_ids').shape as [number, number];
          const flat = Array.from(await reference.readInt64('input_ids'), Number);
          const expected = await reference.readFloat32(`${key}.token_logprobs`);
          const ids = Array.from({ length: rows }, (_, row) => flat.slice(row * length, (row + 1) * length));
          const adapter = key === 'lora' ? ['--adapter', join(model, 'adapter')] : [];
          const found = await run(
            model,
            ids.map((row) => ({ ids: row })),
            ...adapter,
          );
          assert.equal(found.length, rows);
          const ours = found.flatMap(({ logprobs }) => logprobs);
          assert.equal(ours.length, expected.length);
          ours.forEach((value, i) => {
            assert.ok(
              Math.abs(value - expected[i]!) <= 1e-4 * Math.max(1, Math.abs(expected[i]!)),
              `${value} ${expected[i]}`,
            );
          });
        } finally {
          await reference.close();
        }
      });
    }
  }

  it('gives one line per row, in order, T − 1 values for T ids, whatever the neighbours', async () => {
    const rows = [[3, 4, 5], [7], [1, 2, 3, 4, 5, 6, 7, 8], [9, 300]].map((ids) => ({ ids }));
    const together = await run('model', rows);
    assert.deepEqual(
      together.map(({ logprobs }) => logprobs.length),
      [2, 0, 7, 1],
    );
    for (const [i, row] of rows.entries()) {
      const [alone] = await run('model', [row]);
      alone!.logprobs.forEach((value, t) => {
        assert.ok(Math.abs(value - together[i]!.logprobs[t]!) < 1e-5);
      });
    }
    for (const { logprobs, sum, tokens } of together) {
      assert.equal(tokens, logprobs.length);
      assert.equal(
        sum,
        logprobs.reduce((total, value) => total + value, 0),
      );
      assert.ok(logprobs.every((value) => value < 0));
    }
  });

  it('scores a completion after its prompt as the same ids in one row', async () => {
    const [text] = await run('model', [{ prompt: 'How many?', completion: ' The answer is 7.' }]);
    const sample = await latroOk(['score', '--model', 'model', '--rows', 'rows.jsonl'], { cwd: folder.path });
    assert.deepEqual(scores(sample)[0], text, 'threads and a second process change nothing');
    const tokenizer = await Tokenizer.load(join(folder.path, 'model'));
    const encode = (part: string): number[] => tokenizer.encode(part, { addSpecialTokens: false });
    const [prompt, completion] = [encode('How many?'), encode(' The answer is 7.')];
    assert.equal(text!.tokens, completion.length);
    const [ids] = await run('model', [{ ids: [...prompt, ...completion] }]);
    text!.logprobs.forEach((value, t) => {
      assert.ok(Math.abs(value - ids!.logprobs[prompt.length - 1 + t]!) < 1e-5);
    });
  });

  it("puts the model's first token before a prompt once, and not twice", async function () {
    const model = requireShared(this, 'models', 'stories260K');
    const [plain, marked] = await run(model, [
      { prompt: 'Once upon', completion: ' a time' },
      { prompt: '<s>Once upon', completion: ' a time' },
    ]);
    assert.deepEqual(plain!.logprobs.length, marked!.logprobs.length);
    const [bare] = await run(model, [{ prompt: '', completion: 'Once upon a time' }]);
    assert.ok(bare!.tokens > 0, 'the first token alone is prompt enough');
  });
});
