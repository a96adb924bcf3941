/** A small model from nothing: a tokenizer and, from random weights, a Llama trained on worked examples with fixed seeds. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseModelConfig } from '../../src/engine/model/config.ts';
import { generate } from '../../src/engine/model/generate.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { saveModelFolder } from '../../src/engine/model/model_folder.ts';
import { Tokenizer } from '../../src/engine/model/tokenizer.ts';
import type { Page } from './corpus.ts';
import { promptOf } from './mixture.ts';
import { type PretrainSettings, pretrain, randomWeights } from './pretrain.ts';
import { buildTokenizer, END_ID, PAD_ID } from './tokenizer.ts';

const TOKENIZER_EXAMPLES = 6000;
/** Longest answer the check waits for, in tokens. */
const LONGEST = 110;
const REPORT_EVERY = 50;
const CHECK_EVERY = 500;

/** What a model is built from. */
export type ModelRecipe = {
  readonly vocabulary: number;
  readonly hidden: number;
  readonly feedForward: number;
  readonly layers: number;
  readonly heads: number;
  readonly dtype: 'F32' | 'BF16';
  readonly pretrain: PretrainSettings;
  readonly seed: number;
  /** The endless text it reads, the same for the same seed. */
  readonly corpus: (seed: number) => Generator<Page, never>;
  /** Problems it is checked on while it learns, and the answers counted among those it states. */
  readonly check: {
    readonly questions: readonly string[];
    readonly answers: Readonly<Record<string, readonly number[]>>;
  };
};

function configOf(recipe: ModelRecipe): object {
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
function writeModelFiles(folder: string, recipe: ModelRecipe): void {
  const pages = recipe.corpus(recipe.seed + 1);
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

/** How many of the problems get which of the answers, when decoded greedily. */
async function check(
  model: LanguageModel,
  tokenizer: Tokenizer,
  { questions, answers }: ModelRecipe['check'],
): Promise<string> {
  const results = await generate(
    model,
    questions.map((question) => ({
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
      maxRows: 128,
    },
    () => ({ push: () => null }),
  );
  const stated = results.map(({ samples }) => {
    const text = tokenizer.decode(samples[0]!.ids);
    return Number(/The answer is (\d+)/.exec(text)?.[1] ?? Number.NaN);
  });
  const counts = Object.entries(answers).map(
    ([name, wanted]) => `${stated.filter((number, i) => number === wanted[i]).length} ${name}`,
  );
  return `greedy on ${questions.length} validation problems: ${counts.join(', ')}`;
}

/** Builds the model and writes its folder, and nothing into it before it is whole. */
export async function buildModel(recipe: ModelRecipe, folder: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'starter-'));
  const source = join(work, 'source');
  mkdirSync(source);
  writeModelFiles(source, recipe);
  const config = parseModelConfig(configOf(recipe), source);
  const tokenizer = await Tokenizer.load(source);
  const weights = randomWeights(config, recipe.seed);
  const threads = Number(process.env.STARTER_THREADS ?? 0);
  const model = new LanguageModel(config, weights, null, 'all-weights', { device: 'cpu', threads });

  const pages = recipe.corpus(recipe.seed);
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
      if (step % CHECK_EVERY === 0 || step === steps) console.log(await check(model, tokenizer, recipe.check));
    },
  );

  await saveModelFolder(join(work, 'model'), source, weights, recipe.dtype);
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(join(work, 'model'))) copyFileSync(join(work, 'model', file), join(folder, file));
  await model.dispose();
  rmSync(work, { recursive: true });
}
