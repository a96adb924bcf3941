/**
 * Builds the starter from nothing: `npm run starter:build [-- folder]` trains its tokenizer and, from random weights, its model on
 * worked examples, and saves both beside its questions in `media/starter`. Fixed seeds; about a quarter of an hour on two cores.
 * With `--tiny` it builds the fixture of the tests instead: the same in small, too weak to be right, in less than a minute.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseModelConfig } from '../../src/engine/model/config.ts';
import { generate } from '../../src/engine/model/generate.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { Tokenizer } from '../../src/engine/model/tokenizer.ts';
import { saveModelFolder } from '../../src/engine/model/weights.ts';
import { corpus } from './corpus.ts';
import { jsonLines, starterProblems } from './generate.ts';
import { promptOf } from './mixture.ts';
import { type PretrainSettings, pretrain, randomWeights } from './pretrain.ts';
import type { Problem } from './problem.ts';
import { buildTokenizer, END_ID, PAD_ID } from './tokenizer.ts';

const SEED = 20241108;
const TOKENIZER_SEED = SEED + 1;
const TOKENIZER_EXAMPLES = 6000;
/** Longest answer the check waits for, in tokens. */
const LONGEST = 110;
const REPORT_EVERY = 50;
const CHECK_EVERY = 500;

type Recipe = {
  readonly folder: string;
  readonly vocabulary: number;
  readonly hidden: number;
  readonly feedForward: number;
  readonly layers: number;
  readonly heads: number;
  readonly dtype: 'F32' | 'BF16';
  readonly pretrain: PretrainSettings;
  /** Rows of each split to write beside the model; null: `generate.ts` writes them. */
  readonly rows: Readonly<Record<'train' | 'validation' | 'test', number>> | null;
};

const PRETRAIN: PretrainSettings = {
  steps: 3000,
  problems: 16,
  examplesPerProblem: 2,
  learningRate: 2.5e-3,
  warmupSteps: 60,
  weightDecay: 0.01,
  tokenBudget: 4096,
};

const STARTER: Recipe = {
  folder: '../../media/starter',
  vocabulary: 1024,
  hidden: 128,
  feedForward: 384,
  layers: 4,
  heads: 4,
  dtype: 'F32',
  pretrain: PRETRAIN,
  rows: null,
};

const TINY: Recipe = {
  folder: '../../test/fixtures/starter-tiny',
  vocabulary: 640,
  hidden: 32,
  feedForward: 64,
  layers: 2,
  heads: 2,
  dtype: 'BF16',
  pretrain: { ...PRETRAIN, steps: 400, learningRate: 5e-3 },
  rows: { train: 48, validation: 8, test: 16 },
};

function configOf(recipe: Recipe): object {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: recipe.vocabulary,
    hidden_size: recipe.hidden,
    intermediate_size: recipe.feedForward,
    num_hidden_layers: recipe.layers,
    num_attention_heads: recipe.heads,
    num_key_value_heads: recipe.heads,
    head_dim: recipe.hidden / recipe.heads,
    hidden_act: 'silu',
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    max_position_embeddings: 256,
    tie_word_embeddings: true,
    attention_bias: false,
    mlp_bias: false,
    bos_token_id: null,
    eos_token_id: END_ID,
    pad_token_id: PAD_ID,
    torch_dtype: 'float32',
  };
}

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** Everything of the model folder but the weights. */
function writeModelFiles(folder: string, recipe: Recipe): void {
  const pages = corpus(TOKENIZER_SEED);
  const texts = Array.from({ length: TOKENIZER_EXAMPLES }, () => {
    const { prompt, completion } = pages.next().value();
    return prompt + completion;
  });
  const { tokenizer, config } = buildTokenizer(texts, recipe.vocabulary);
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(join(folder, 'tokenizer_config.json'), json(config));
  writeFileSync(join(folder, 'config.json'), json(configOf(recipe)));
  writeFileSync(join(folder, 'generation_config.json'), json({ eos_token_id: END_ID, pad_token_id: PAD_ID }));
}

/** How many of the problems are answered right, and how many with the hasty answer, when decoded greedily. */
async function check(model: LanguageModel, tokenizer: Tokenizer, problems: readonly Problem[]): Promise<string> {
  const results = await generate(
    model,
    problems.map(({ question }) => ({
      prompt: tokenizer.encode(promptOf(question), { addSpecialTokens: false }),
      keys: [0],
    })),
    {
      temperature: 0,
      topP: 1,
      topK: 0,
      maxTokens: LONGEST,
      maxAnswerTokens: 0,
      stopTokenIds: new Set([END_ID]),
      contextLength: 0,
      maxRows: 128,
    },
    () => ({ push: () => null }),
  );
  const stated = results.map(({ samples }) => {
    const text = tokenizer.decode(samples[0]!.ids);
    return Number(/The answer is (\d+)/.exec(text)?.[1] ?? Number.NaN);
  });
  const count = (answer: (problem: Problem) => number) =>
    stated.filter((number, i) => number === answer(problems[i]!)).length;
  const right = count(({ answer }) => answer);
  const hasty = count(({ hastyAnswer }) => hastyAnswer);
  return `greedy on ${problems.length} validation problems: ${right} right, ${hasty} hasty`;
}

async function build(recipe: Recipe, folder: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'starter-'));
  const source = join(work, 'source');
  mkdirSync(source);
  writeModelFiles(source, recipe);
  const config = parseModelConfig(configOf(recipe), source);
  const tokenizer = await Tokenizer.load(source);
  const weights = randomWeights(config, SEED);
  const threads = Number(process.env.STARTER_THREADS ?? 0);
  const model = new LanguageModel(config, weights, null, 'all-weights', { device: 'cpu', threads });

  const pages = corpus(SEED);
  const validation = starterProblems('validation');
  const { steps } = recipe.pretrain;
  const start = performance.now();
  let recent: number[] = [];
  await pretrain(
    model,
    tokenizer,
    recipe.pretrain,
    (examples) => {
      const write = pages.next().value;
      return Array.from({ length: examples }, write);
    },
    async (step, loss) => {
      recent.push(loss);
      if (step % REPORT_EVERY === 0 || step === steps) {
        const mean = recent.reduce((sum, value) => sum + value, 0) / recent.length;
        const seconds = (performance.now() - start) / 1000;
        console.log(`step ${step} of ${steps}: ${mean.toFixed(4)} nats per token, ${seconds.toFixed(0)} s`);
        recent = [];
      }
      if (step % CHECK_EVERY === 0 || step === steps) console.log(await check(model, tokenizer, validation));
    },
  );

  await saveModelFolder(join(work, 'model'), source, weights, recipe.dtype);
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(join(work, 'model'))) copyFileSync(join(work, 'model', file), join(folder, file));
  if (recipe.rows !== null) {
    for (const split of ['train', 'validation', 'test'] as const) {
      const rows = starterProblems(split).slice(0, recipe.rows[split]);
      writeFileSync(join(folder, `${split}.jsonl`), jsonLines(rows));
    }
  }
  await model.dispose();
  rmSync(work, { recursive: true });
}

const recipe = process.argv.includes('--tiny') ? TINY : STARTER;
const folder = process.argv.slice(2).find((argument) => !argument.startsWith('--'));
await build(recipe, resolve(folder ?? fileURLToPath(new URL(recipe.folder, import.meta.url))));
