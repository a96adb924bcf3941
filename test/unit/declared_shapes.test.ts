/**
 * onnxruntime is told the shape of every value between nodes, and lets values of one shape share memory: a false one would be an error of some
 * run, or memory overwritten. Here every program runs, of every kind of architecture, and each value is looked at.
 */
import { strict as assert } from 'node:assert';
import { RandomStream } from '../../src/engine/common/random.ts';
import { addedRowShapes } from '../../src/engine/model/added_tokens.ts';
import type { BoundAdapter } from '../../src/engine/model/bound_tensors.ts';
import type { ModelConfig } from '../../src/engine/model/config.ts';
import type { Trainable } from '../../src/engine/model/decoder_graph.ts';
import { type GenerateSettings, generate } from '../../src/engine/model/generate.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { type PromptGroup, predictTokens } from '../../src/engine/model/packing.ts';
import type { ProgramOptions } from '../../src/engine/model/programs.ts';
import { quantisedWeights } from '../../src/engine/model/quantise.ts';
import { halved } from '../support/half_model.ts';
import { tinyConfig } from '../support/model_fixtures.ts';
import { checkingShapes } from '../support/seen_shapes.ts';
import { bindAdapter, TINY_CONFIG, tinyAdapter, tinyWeights } from '../support/tiny_model.ts';

/** More words than are computed at once, so that the head goes in chunks. */
const MANY_WORDS = 9001;

const MODELS: Readonly<Record<string, ModelConfig>> = {
  llama: TINY_CONFIG,
  'llama, a large vocabulary': { ...TINY_CONFIG, vocabSize: MANY_WORDS, tiedHead: false },
  qwen2: tinyConfig('qwen2'),
  qwen3: tinyConfig('qwen3'),
  phi3: tinyConfig('phi3', { partial_rotary_factor: 0.5 }),
};

const settings = (temperature: number): GenerateSettings => ({
  temperature,
  topP: 1,
  topK: 0,
  maxTokens: 5,
  maxAnswerTokens: 0,
  stopTokenIds: new Set([2, 7, 11]),
  maxRows: 6,
});

const randomIds = (random: RandomStream, length: number): number[] =>
  Array.from({ length }, () => 3 + Math.floor(random.next() * 17));

/** Questions of several lengths, some with one rationale, and rationales of several lengths. */
function randomGroups(seed: number): PromptGroup[] {
  const random = new RandomStream(seed, 5);
  const upTo = (most: number): number => 1 + Math.floor(random.next() * most);
  return Array.from({ length: upTo(3) }, () => ({
    prompt: randomIds(random, upTo(6)),
    continuations: Array.from({ length: upTo(3) }, () => {
      const ids = randomIds(random, upTo(7));
      return { ids, predictions: predictTokens(ids, random.next() - 0.5) };
    }),
  }));
}

function adapterWithRows(config: ModelConfig, dropout: number, rows: number): BoundAdapter {
  const { shape, tensors, scale } = bindAdapter(tinyAdapter(1, config));
  const added = [...(rows === 0 ? [] : addedRowShapes(config, rows))].map(([name, size]) => {
    return [name, { shape: size, data: new Float32Array(size[0]! * size[1]!).fill(0.1) }] as const;
  });
  const all = new Map([...tensors, ...added]);
  return { shape: { ...shape, dropout, ...(rows === 0 ? {} : { addedRows: rows }) }, tensors: all, scale };
}

interface Kind {
  readonly trainable: Trainable;
  readonly options?: Partial<ProgramOptions>;
  readonly dropout?: number;
  readonly addedRows?: number;
}

const KINDS: Readonly<Record<string, Kind>> = {
  'an adapter': { trainable: 'adapter' },
  'an adapter with dropout': { trainable: 'adapter', dropout: 0.2 },
  'an adapter, layers computed twice': { trainable: 'adapter', options: { recompute: true } },
  'an adapter with dropout, layers computed twice': {
    trainable: 'adapter',
    dropout: 0.2,
    options: { recompute: true },
  },
  'an adapter with added tokens': { trainable: 'adapter', addedRows: 3 },
  'all weights': { trainable: 'all-weights' },
  'weights in 8 bits': { trainable: 'adapter', options: { precision: 'int8' } },
  'float16, as a card has it': { trainable: 'adapter', options: { precision: 'float16' } },
};

function open(config: ModelConfig, { trainable, options = {}, dropout = 0, addedRows = 0 }: Kind): LanguageModel {
  const adapter = trainable === 'adapter' ? adapterWithRows(config, dropout, addedRows) : null;
  const weights = tinyWeights(1, config);
  const { precision } = options;
  const held = precision === 'int8' ? quantisedWeights(weights) : precision === 'float16' ? halved(weights) : weights;
  return new LanguageModel(config, held, adapter, trainable, { device: 'cpu', threads: 1, ...options });
}

/** What is built for these has parts of every architecture in it; of the other kinds one architecture is enough. */
const OF_EVERY_ARCHITECTURE = [
  'an adapter',
  'an adapter with dropout, layers computed twice',
  'float16, as a card has it',
];

describe('the shapes that onnxruntime is told', () => {
  for (const [name, config] of Object.entries(MODELS)) {
    for (const [kind, made] of Object.entries(KINDS)) {
      if (!name.startsWith('llama') && !OF_EVERY_ARCHITECTURE.includes(kind)) continue;
      it(`${name}: ${kind}`, async () => {
        const seen = await checkingShapes(() => everyProgram(open(config, made)));
        const programs = ['draw', 'draw-greedy', 'extend', 'extend-score', 'score', 'step'];
        if (made.addedRows !== undefined || made.options?.precision === 'float16') programs.splice(0, 2, 'logits');
        if (made.options?.precision !== 'float16') programs.push('decode');
        assert.deepEqual(Object.keys(seen).sort(), programs.sort());
        for (const program of ['extend', 'score', 'step'])
          assert.ok(seen[program]! > 100, `${program}: ${seen[program]}`);
      });
    }
  }
});

async function everyProgram(model: LanguageModel): Promise<void> {
  try {
    for (const seed of [1, 2]) {
      const groups = randomGroups(seed);
      await model.score(groups, { tokenBudget: 40 });
      await model.step(groups, { tokenBudget: 40, dropoutKey: seed });
      const requests = groups.map(({ prompt, continuations }, q) => ({
        prompt,
        keys: continuations.map((_, k) => q * 8 + k),
        answer: [4, 5, 6].slice(0, 1 + (q % 3)),
      }));
      for (const temperature of [1, 0])
        await generate(model, requests, settings(temperature), () => ({ push: () => null }));
    }
  } finally {
    await model.dispose();
  }
}
