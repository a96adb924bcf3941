/** Every bad input of a command ends with exit code 1, one line that says what is wrong, where and what to do, and nothing written. */
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildTokenizer } from '../../scripts/starter/tokenizer.ts';
import { saveAdapter } from '../../src/engine/model/adapter.ts';
import { parseModelConfig } from '../../src/engine/model/config.ts';
import { writeSafetensors } from '../../src/engine/model/safetensors.ts';
import { latro } from '../support/command_line.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { TINY_FOLDER_CONFIG, tinyQuestions, writeTinyFolder } from '../support/tiny_folder.ts';
import { tinyAdapter } from '../support/tiny_model.ts';

const CONFIG = {
  model: 'model',
  dataset: { train: 'questions.jsonl', format: 'starter', holdOutFraction: 0 },
  steps: 1,
  questionsPerStep: 1,
  sampling: { rationalesPerQuestion: 2, maxRationaleTokens: 8 },
  evaluation: { k: 0, maxTokens: 8 },
};

/** Breaks a folder that was sound: a model, an adapter, questions, rows and a config. */
type Break = (folder: string) => Promise<void>;

interface Case {
  readonly name: string;
  readonly breaks: Break;
  /** What the line must say: what, where, and what to do. */
  readonly says: readonly RegExp[];
  /** Commands that meet the fault. */
  readonly commands: readonly ('train' | 'eval' | 'sample' | 'score')[];
}

const writes =
  (name: string, text: string): Break =>
  (folder) =>
    writeFile(join(folder, name), text);
const config = (changes: object): Break => writes('latro.json', JSON.stringify({ ...CONFIG, ...changes }));
const questions = (text: string): Break => writes('questions.jsonl', text);
const rows = (text: string): Break => writes('rows.jsonl', text);
const modelJson = (changes: object): Break =>
  writes(join('model', 'config.json'), JSON.stringify({ ...TINY_FOLDER_CONFIG, ...changes }));

const ALL = ['train', 'eval', 'sample', 'score'] as const;
const QUESTIONS = ['train', 'eval', 'sample'] as const;

const CASES: readonly Case[] = [
  {
    name: 'no model folder',
    breaks: (folder) => rm(join(folder, 'model'), { recursive: true }),
    says: [/no folder .*model\./, /Choose a Hugging Face model folder/],
    commands: ALL,
  },
  {
    name: 'no safetensors file',
    breaks: (folder) => rm(join(folder, 'model', 'model.safetensors')),
    says: [/neither model\.safetensors nor/],
    commands: ALL,
  },
  {
    name: 'a truncated safetensors file',
    breaks: (folder) => truncate(join(folder, 'model', 'model.safetensors'), 20_000),
    says: [/model\.safetensors/, /20000|truncated|bytes/],
    commands: ALL,
  },
  {
    name: 'a mis-shaped tensor',
    breaks: async (folder) => {
      const shape = [3, 5];
      const tensors = [{ name: 'model.embed_tokens.weight', shape, data: new Float32Array(15) }];
      await writeSafetensors(join(folder, 'model', 'model.safetensors'), tensors, { format: 'pt' });
    },
    says: [/"model\.embed_tokens\.weight" has shape \[3,5\]/, /config\.json asks for \[380,16\]/],
    commands: ALL,
  },
  {
    name: 'a pickle in the model folder',
    breaks: (folder) => rename(join(folder, 'model', 'model.safetensors'), join(folder, 'model', 'pytorch_model.bin')),
    says: [/pytorch_model\.bin is a Python pickle/, /safetensors/],
    commands: ALL,
  },
  {
    name: 'a pickle in place of the model folder',
    breaks: async (folder) => {
      await rm(join(folder, 'model'), { recursive: true });
      await writeFile(join(folder, 'model'), Buffer.from([0x80, 2, 0x7d, 0x71]));
    },
    says: [/model is a Python pickle/],
    commands: ALL,
  },
  {
    name: 'an unsupported architecture',
    breaks: modelJson({ model_type: 'gpt2', architectures: ['GPT2LMHeadModel'] }),
    says: [/gpt2|GPT2LMHeadModel/, /Supported are Llama, Mistral/],
    commands: ALL,
  },
  {
    name: 'a config with more layers than the weights',
    breaks: modelJson({ num_hidden_layers: 3 }),
    says: [/lack the tensor "model\.layers\.2\./, /config\.json/],
    commands: ALL,
  },
  {
    name: 'a config with other sizes than the weights',
    breaks: modelJson({ intermediate_size: 32 }),
    says: [/has shape \[16,24\]|has shape \[24,16\]/, /config\.json asks for/],
    commands: ALL,
  },
  {
    name: 'a tokenizer with more tokens than the model',
    breaks: async (folder) => {
      const words = Array.from(
        { length: 60 },
        (_, i) => `${'abcdefghij'[i % 10]}${'klmnopqrst'[Math.floor(i / 10)]}qu`,
      );
      const { tokenizer } = buildTokenizer([words.join(' ')], 440);
      await writeFile(join(folder, 'model', 'tokenizer.json'), JSON.stringify(tokenizer));
    },
    says: [/tokenizer\.json makes token ids up to \d+/, /vocabulary of 380/],
    commands: ALL,
  },
  {
    name: 'a tokenizer that is no JSON',
    breaks: (folder) => writeFile(join(folder, 'model', 'tokenizer.json'), '{"model":'),
    says: [/tokenizer\.json is not valid JSON/],
    commands: ALL,
  },
  {
    name: 'a question row that is no JSON',
    breaks: questions(`${tinyQuestions(2)}{"question": "How many\n`),
    says: [/questions\.jsonl:3:/],
    commands: QUESTIONS,
  },
  {
    name: 'a row without an answer',
    breaks: questions(`${tinyQuestions(1)}{"question":"How many?"}\n${tinyQuestions(1, 5)}`),
    says: [/questions\.jsonl:2:/, /answer/],
    commands: QUESTIONS,
  },
  {
    name: 'a row without a question',
    breaks: questions(`${tinyQuestions(1)}{"answer":"7"}\n`),
    says: [/questions\.jsonl:2:/, /question/],
    commands: QUESTIONS,
  },
  {
    name: 'a dataset that is not there',
    breaks: (folder) => rm(join(folder, 'questions.jsonl')),
    says: [/questions\.jsonl/],
    commands: QUESTIONS,
  },
  {
    name: 'an empty dataset',
    breaks: questions('\n\n'),
    says: [/questions\.jsonl holds no rows/],
    commands: QUESTIONS,
  },
  {
    name: 'one rationale per question',
    breaks: config({ sampling: { rationalesPerQuestion: 1 } }),
    says: [/"sampling\.rationalesPerQuestion" is 1/, /at least 2/],
    commands: ['train'],
  },
  {
    name: 'a setting that does not exist',
    breaks: config({ smapling: {} }),
    says: [/"smapling" is not a setting/, /Did you mean "sampling"/],
    commands: ['train'],
  },
  {
    name: 'a config that is no JSON',
    breaks: (folder) => writeFile(join(folder, 'latro.json'), '{"model": '),
    says: [/latro\.json is not valid JSON/],
    commands: ['train'],
  },
  {
    name: 'test questions that are training questions',
    breaks: config({ dataset: { ...CONFIG.dataset, test: 'questions.jsonl' } }),
    says: [/"dataset\.train" and "dataset\.test" use the same rows/],
    commands: ['train'],
  },
  {
    name: 'questions longer than the model has positions',
    breaks: async (folder) => {
      await questions(`${JSON.stringify({ question: 'apples '.repeat(300), answer: '7' })}\n`)(folder);
    },
    says: [/line 1/, /160 positions/],
    commands: QUESTIONS,
  },
  {
    name: 'an adapter for another base',
    breaks: async (folder) => {
      const other = parseModelConfig({ ...TINY_FOLDER_CONFIG, hidden_size: 32 }, 'another');
      const adapter = tinyAdapter(1, other);
      await saveAdapter(join(folder, 'adapter'), { ...adapter, config: { ...adapter.config, baseModel: 'another' } });
      await config({ adapter: 'adapter' })(folder);
    },
    says: [
      /adapter was trained on another model \("another"\)/,
      /lora_A|lora_B/,
      /Use it with the model it was trained on/,
    ],
    commands: ALL,
  },
  {
    name: 'an adapter that is a pickle',
    breaks: async (folder) => {
      await mkdir(join(folder, 'adapter'));
      await writeFile(
        join(folder, 'adapter', 'adapter_config.json'),
        '{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["q_proj"]}',
      );
      await writeFile(join(folder, 'adapter', 'adapter_model.bin'), Buffer.from([0x80, 2]));
      await config({ adapter: 'adapter' })(folder);
    },
    says: [/adapter_model\.bin is a Python pickle/],
    commands: ALL,
  },
  {
    name: 'a row to score that is neither text nor ids',
    breaks: rows('{"ids":[1,2]}\n{"prompt":"a"}\n'),
    says: [/rows\.jsonl, line 2:/, /"completion"/],
    commands: ['score'],
  },
  {
    name: 'an id outside the vocabulary',
    breaks: rows('{"ids":[1,2,380]}\n'),
    says: [/line 1: the id 380 is outside the model's vocabulary of 380/],
    commands: ['score'],
  },
  {
    name: 'ids that are no whole numbers',
    breaks: rows('{"ids":[1,2.5]}\n'),
    says: [/line 1:/],
    commands: ['score'],
  },
  {
    name: 'a prompt without any token',
    breaks: rows('{"prompt":"","completion":"a"}\n'),
    says: [/line 1:.*no token/],
    commands: ['score'],
  },
  {
    name: 'a row longer than the model has positions',
    breaks: rows(`${JSON.stringify({ ids: Array.from({ length: 161 }, () => 5) })}\n`),
    says: [/line 1: the row has 161 tokens, but the model has 160 positions/],
    commands: ['score'],
  },
  {
    name: 'rows that are no JSON',
    breaks: rows('{"ids":[1,2]}\n{"ids":[1,\n'),
    says: [/rows\.jsonl, line 2: it is not valid JSON/],
    commands: ['score'],
  },
];

describe('bad input', () => {
  const root = temporaryFolder();
  let number = 0;

  before(async () => {
    const sound = join(root.path, 'sound');
    await writeTinyFolder(join(sound, 'model'));
    await writeFile(join(sound, 'questions.jsonl'), tinyQuestions(4));
    await writeFile(join(sound, 'rows.jsonl'), '{"ids":[1,2,3]}\n{"prompt":"How","completion":" many"}\n');
    await config({})(sound);
  });

  /** A copy of the sound folder, and every file in it. */
  const prepare = async (breaks: Break): Promise<string> => {
    const folder = join(root.path, `case-${number++}`);
    await cp(join(root.path, 'sound'), folder, { recursive: true });
    await breaks(folder);
    return folder;
  };
  const contents = async (folder: string): Promise<string[]> => (await readdir(folder, { recursive: true })).sort();
  const argv = async (command: Case['commands'][number], folder: string): Promise<string[]> => {
    const adapter = (await contents(folder)).includes('adapter') ? ['--adapter', 'adapter'] : [];
    switch (command) {
      case 'train':
        return ['train', 'latro.json', '--out', 'runs', '--threads', '1'];
      case 'eval':
        return [
          'eval',
          '--model',
          'model',
          ...adapter,
          '--dataset',
          'questions.jsonl',
          '--format',
          'starter',
          '--json',
          'out.json',
          '--threads',
          '1',
        ];
      case 'sample':
        return [
          'sample',
          '--model',
          'model',
          ...adapter,
          '--rows',
          'questions.jsonl',
          '--format',
          'starter',
          '--k',
          '2',
          '--max-tokens',
          '8',
          '--threads',
          '1',
        ];
      case 'score':
        return ['score', '--model', 'model', ...adapter, '--rows', 'rows.jsonl', '--threads', '1'];
    }
  };

  it('is what these commands do not meet in the folder that is broken below', async () => {
    const folder = await prepare(async () => {});
    for (const command of ALL) {
      const { code, stderr } = await latro(await argv(command, folder), { cwd: folder });
      assert.equal(code, 0, `${command}: ${stderr.text}`);
    }
  });

  for (const { name, breaks, says, commands } of CASES) {
    it(`${name}: ${commands.join(', ')}`, async () => {
      const folder = await prepare(breaks);
      const before = await contents(folder);
      for (const command of commands) {
        const { code, stdout, stderr } = await latro(await argv(command, folder), { cwd: folder });
        const text = stderr.text;
        assert.equal(code, 1, `${command}: ${text}`);
        assert.equal(stdout.text, '', command);
        assert.match(
          text,
          /^([^\n]+ GB of memory [^\n]+\n)?latro: [^\n]+[.?]\n$/,
          `${command}: one line, at most the memory note before it`,
        );
        assert.doesNotMatch(text, /\bat .*:\d+:\d+|this is a bug|undefined|\[object/i, `${command}: no stack`);
        for (const part of says) assert.match(text, part, command);
        assert.deepEqual(await contents(folder), before, `${command}: nothing is written`);
      }
    });
  }

  it('on the command line itself: a hint, and exit code 1', async () => {
    const folder = await prepare(async () => {});
    const cases: readonly (readonly [string, RegExp])[] = [
      ['trian latro.json', /no command "trian".*latro train/],
      ['train', /lacks its CONFIG\.json/],
      ['train nowhere.json', /no configuration file .*nowhere\.json/],
      ['eval --dataset questions.jsonl', /needs --model/],
      ['eval --model model --dataset questions.jsonl --rows 9:4', /Rows 4:4|none/],
      ['eval --model model --dataset questions.jsonl --rows x', /does not select rows/],
      ['eval --model model --dataset questions.jsonl --format gsm9k', /--format is "gsm9k".*gsm8k/],
      ['eval --model model --dataset questions.jsonl --k two', /--k is "two".*whole number/],
      [
        'eval --model model --dataset questions.jsonl --max-tokens 500',
        /room for \d+ tokens.*--max-tokens \d+ or less/,
      ],
      ['eval --model model --dataset questions.jsonl --json no/where/e.json', /no folder .*where/],
      ['eval --model model --dataset questions.jsonl --modle x', /no option --modle.*--model/],
      ['sample --model model --rows questions.jsonl --temperature -1', /--temperature is "-1"/],
      ['sample --model model --rows questions.jsonl --seed', /--seed lacks its value/],
      ['sample --model model --rows questions.jsonl extra', /no use for "extra"/],
      ['score --model model', /needs --rows/],
      ['score --model model --rows nowhere.jsonl', /no file .*nowhere\.jsonl/],
      ['score --model model --rows rows.jsonl --device tpu', /--device is "tpu".*cpu/],
      ['compare nothing', /no run "nothing"/],
      ['compare', /lacks an argument.*Usage: latro compare RUN/],
      ['export nothing --to merged', /no run "nothing"/],
      ['train --resume nothing', /no run "nothing"/],
    ];
    const before = await contents(folder);
    for (const [line, says] of cases) {
      const { code, stderr, stdout } = await latro(line.split(' '), { cwd: folder });
      assert.equal(code, 1, line);
      assert.equal(stdout.text, '', line);
      assert.match(stderr.text, /^([^\n]+ GB of memory [^\n]+\n)?latro: [^\n]+\n$/, line);
      assert.match(stderr.text, says, line);
    }
    assert.deepEqual(await contents(folder), before);
  });

  it('leaves a file alone that an evaluation would have replaced', async () => {
    const folder = await prepare((path) => writeFile(join(path, 'out.json'), 'precious'));
    await rm(join(folder, 'model', 'model.safetensors'));
    await latro(await argv('eval', folder), { cwd: folder });
    assert.equal(await readFile(join(folder, 'out.json'), 'utf8'), 'precious');
  });
});
