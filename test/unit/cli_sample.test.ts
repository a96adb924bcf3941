import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '../../src/engine/model/tokenizer.ts';
import { latroOk } from '../support/command_line.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { tinyQuestions, writeTinyFolder } from '../support/tiny_folder.ts';

interface SampleLine {
  readonly line: number;
  readonly sample: number;
  readonly prompt: string;
  readonly completion: string;
  readonly tokenIds: number[];
  readonly logprobs: number[];
  readonly sum: number;
  readonly tokens: number;
  readonly stop: 'end-token' | 'length';
}

interface QuestionLine extends SampleLine {
  readonly question: string;
  readonly goldAnswer: string;
  readonly rationale: string;
  readonly extractedAnswer: string | null;
  readonly correct: boolean;
  readonly selfReward: number;
}

const PROMPTS = ['How many apples?', 'Let us think.', 'The answer', 'a'];

describe('latro sample', () => {
  const folder = temporaryFolder();
  before(() => writeTinyFolder(join(folder.path, 'model')));

  const write = (name: string, text: string): Promise<void> => writeFile(join(folder.path, name), text);
  const sample = async <T extends SampleLine = SampleLine>(file: string, ...more: string[]): Promise<T[]> => {
    const argv = ['sample', '--model', 'model', '--rows', file, '--threads', '1', '--max-tokens', '12', ...more];
    const { stdout } = await latroOk(argv, { cwd: folder.path });
    return stdout.lines.map((line) => JSON.parse(line) as T);
  };
  const prompts = (texts: readonly string[]): string =>
    texts.map((prompt) => `${JSON.stringify({ prompt })}\n`).join('');

  it('writes K lines per row, row by row', async () => {
    await write('prompts.jsonl', prompts(PROMPTS));
    const lines = await sample('prompts.jsonl', '--k', '3');
    assert.deepEqual(
      lines.map(({ line, sample: k }) => [line, k]),
      PROMPTS.flatMap((_, i) => [0, 1, 2].map((k) => [i + 1, k])),
    );
    for (const { prompt, line, tokens, tokenIds, logprobs, sum, stop } of lines) {
      assert.equal(prompt, PROMPTS[line - 1]);
      assert.equal(tokens, tokenIds.length);
      assert.equal(tokens, logprobs.length);
      assert.equal(
        sum,
        logprobs.reduce((total, value) => total + value, 0),
      );
      assert.equal(stop === 'length', tokens === 12);
    }
  });

  it('gives a prompt the same samples whatever else is in the file, and others under another seed', async () => {
    await write('prompts.jsonl', prompts(PROMPTS));
    const together = await sample('prompts.jsonl', '--k', '4', '--seed', '9');
    for (const [i, prompt] of PROMPTS.entries()) {
      await write('alone.jsonl', prompts([prompt]));
      const alone = await sample('alone.jsonl', '--k', '4', '--seed', '9');
      assert.deepEqual(
        alone.map(({ tokenIds }) => tokenIds),
        together.filter(({ line }) => line === i + 1).map(({ tokenIds }) => tokenIds),
      );
    }
    const other = await sample('prompts.jsonl', '--k', '4', '--seed', '10');
    assert.notDeepEqual(
      other.map(({ tokenIds }) => tokenIds),
      together.map(({ tokenIds }) => tokenIds),
    );
  });

  it('always takes the likeliest token at temperature 0', async () => {
    await write('prompts.jsonl', prompts(PROMPTS));
    const lines = await sample('prompts.jsonl', '--k', '2', '--temperature', '0');
    for (let i = 0; i < lines.length; i += 2) assert.deepEqual(lines[i]!.tokenIds, lines[i + 1]!.tokenIds);
  });

  const score = async (rows: readonly object[]): Promise<number[][]> => {
    await write('score.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    const { stdout } = await latroOk(['score', '--model', 'model', '--rows', 'score.jsonl'], { cwd: folder.path });
    return stdout.lines.map((line) => (JSON.parse(line) as { logprobs: number[] }).logprobs);
  };
  const assertClose = (found: readonly number[], expected: readonly number[]): void => {
    assert.equal(found.length, expected.length);
    found.forEach((value, t) => {
      assert.ok(Math.abs(value - expected[t]!) < 1e-4, `${value} ${expected[t]}`);
    });
  };

  it('writes lines that latro score reads, and its log-probabilities are those of score', async () => {
    await write('prompts.jsonl', prompts(PROMPTS));
    const lines = await sample('prompts.jsonl', '--k', '4');
    const tokenizer = await Tokenizer.load(join(folder.path, 'model'));
    const encode = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });
    const scored = await score(lines.map(({ prompt, tokenIds }) => ({ ids: [...encode(prompt), ...tokenIds] })));
    lines.forEach(({ logprobs }, i) => {
      assertClose(scored[i]!.slice(-logprobs.length), logprobs);
    });
    const fromText = await score(lines);
    assert.deepEqual(
      fromText.map((logprobs) => logprobs.length),
      lines.map(({ completion }) => encode(completion).length),
    );
  });

  it('puts the questions of a dataset as training does and judges what comes back', async () => {
    await write('questions.jsonl', tinyQuestions(3));
    const lines = await sample<QuestionLine>('questions.jsonl', '--k', '2');
    assert.equal(lines.length, 6);
    for (const { prompt, question, goldAnswer, completion, rationale, selfReward, correct, extractedAnswer } of lines) {
      assert.equal(prompt, `${question}\nLet's think step by step.`);
      assert.match(goldAnswer, /^\d+$/);
      assert.ok(completion.startsWith(rationale));
      assert.ok(selfReward < 0 && Number.isFinite(selfReward));
      assert.ok(!correct || extractedAnswer !== null);
    }
  });

  it('scores the right answer after each rationale as latro score does', async () => {
    await write('questions.jsonl', tinyQuestions(3));
    const lines = await sample<QuestionLine>('questions.jsonl', '--k', '2');
    const tokenizer = await Tokenizer.load(join(folder.path, 'model'));
    const encode = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });
    const answers = lines.map(({ goldAnswer }) => encode(`\nThe answer is ${goldAnswer}.<|end|>`));
    const scored = await score(
      lines.map(({ prompt, tokenIds }, i) => ({ ids: [...encode(prompt), ...tokenIds, ...answers[i]!] })),
    );
    lines.forEach(({ selfReward, rationale, completion }, i) => {
      assert.equal(rationale, completion, 'random weights announce no answer');
      const sum = scored[i]!.slice(-answers[i]!.length).reduce((total, value) => total + value, 0);
      assert.ok(Math.abs(sum - selfReward) < 1e-3, `${sum} ${selfReward}`);
    });
  });
});
