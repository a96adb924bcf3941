/**
 * Builds the starter from nothing: `npm run starter:build [-- folder]` writes its tokenizer, trains its model from random weights on
 * worked examples and saves both beside its questions in `media/starter`. Fixed seeds; about a quarter of an hour on two cores.
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
import { starterProblems } from './generate.ts';
import { promptOf } from './mixture.ts';
import { type PretrainSettings, pretrain, randomWeights } from './pretrain.ts';
import type { Problem } from './problem.ts';
import { buildTokenizer, END_ID, PAD_ID } from './tokenizer.ts';

const SEED = 20241108;
const TOKENIZER_SEED = SEED + 1;
const VOCABULARY = 1024;
const TOKENIZER_EXAMPLES = 6000;
const SETTINGS: PretrainSettings = {
  steps: Number(process.env.STARTER_STEPS ?? 3000),
  problems: 16,
  examplesPerProblem: 2,
  learningRate: 2.5e-3,
  warmupSteps: 60,
  weightDecay: 0.01,
  tokenBudget: 4096,
};
/** Longest answer the check below waits for. */
const LONGEST = 110;

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: VOCABULARY,
  hidden_size: 128,
  intermediate_size: 384,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  head_dim: 32,
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

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** Everything of the model folder but the weights. */
function writeModelFiles(folder: string): void {
  const texts: string[] = [];
  for (const write of corpus(TOKENIZER_SEED)) {
    const { prompt, completion } = write();
    texts.push(prompt + completion);
    if (texts.length === TOKENIZER_EXAMPLES) break;
  }
  const { tokenizer, config } = buildTokenizer(texts, VOCABULARY);
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(join(folder, 'tokenizer_config.json'), json(config));
  writeFileSync(join(folder, 'config.json'), json(CONFIG));
  writeFileSync(join(folder, 'generation_config.json'), json({ eos_token_id: END_ID, pad_token_id: PAD_ID }));
}

/** Share of validation problems whose greedy answer is right, and whose is the hasty one. */
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
  const share = (answer: (problem: Problem) => number) =>
    (stated.filter((number, i) => number === answer(problems[i]!)).length / problems.length).toFixed(3);
  return `right ${share(({ answer }) => answer)}, hasty ${share(({ hastyAnswer }) => hastyAnswer)}`;
}

async function main(folder: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'starter-'));
  const source = join(work, 'source');
  mkdirSync(source);
  writeModelFiles(source);
  const config = parseModelConfig(CONFIG, source);
  const tokenizer = await Tokenizer.load(source);
  const weights = randomWeights(config, SEED);
  const model = new LanguageModel(config, weights, null, 'all-weights', {
    device: 'cpu',
    threads: Number(process.env.STARTER_THREADS ?? 0),
  });

  const pages = corpus(SEED);
  const validation = starterProblems('validation');
  const start = performance.now();
  let sum = 0;
  await pretrain(
    model,
    tokenizer,
    SETTINGS,
    (examples) => {
      const write = pages.next().value;
      return Array.from({ length: examples }, write);
    },
    async (step, loss) => {
      sum += loss;
      if (step % 50 !== 0 && step !== SETTINGS.steps) return;
      const seconds = ((performance.now() - start) / 1000).toFixed(0);
      console.log(`step ${step} of ${SETTINGS.steps}: loss ${(sum / 50).toFixed(4)}, ${seconds} s`);
      sum = 0;
      if (step % 500 === 0 || step === SETTINGS.steps) console.log(await check(model, tokenizer, validation));
    },
  );

  await saveModelFolder(join(work, 'model'), source, weights, 'F32');
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(join(work, 'model'))) copyFileSync(join(work, 'model', file), join(folder, file));
  await model.dispose();
  rmSync(work, { recursive: true });
}

const media = fileURLToPath(new URL('../../media/starter', import.meta.url));
await main(resolve(process.argv[2] ?? media));
