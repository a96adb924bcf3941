import assert from 'node:assert/strict';
import { isAbsolute, join, resolve } from 'node:path';
import fc from 'fast-check';
import { LatroError } from '../../src/engine/common/errors.ts';
import { nearest } from '../../src/engine/runs/config_issue.ts';
import { resolveConfigPaths, resolveRunConfig, rowRange } from '../../src/engine/runs/resolve_config.ts';

const MINIMAL = { model: 'models/small', dataset: { train: 'questions.jsonl' } };

function refusal(json: unknown): LatroError {
  try {
    resolveRunConfig(json, 'latro.json');
  } catch (error) {
    assert(error instanceof LatroError, `expected a LatroError, got ${String(error)}`);
    assert.equal(error.code, 'config-invalid');
    return error;
  }
  throw new assert.AssertionError({ message: `accepted: ${JSON.stringify(json)}` });
}

describe('run configuration', () => {
  it('fills in LaTRO as published', () => {
    const { config } = resolveRunConfig({ ...MINIMAL, preset: 'latro-paper' }, 'latro.json');
    assert.equal(config.sampling.rationalesPerQuestion, 16);
    assert.equal(config.sampling.maxRationaleTokens, 500);
    assert.equal(config.sampling.temperature, 1);
    assert.equal(config.reward.kind, 'log-probability');
    assert.equal(config.reward.over, 'answer-and-template');
    assert.equal(config.reward.klCoefficient, 0.05);
    assert.equal(config.reward.truncationPenalty, 2);
    assert.equal(config.sftWeight, 1);
    assert.equal(config.optimizer.learningRate, 5e-7);
    assert.equal(config.optimizer.schedule, 'linear');
    assert.equal(config.optimizer.gradientClip, null);
    assert.deepEqual(config.trainable, { kind: 'full' });
    assert.equal(config.epochs, 6);
  });

  it('uses β = 0.25 and 12 epochs on ARC-Challenge, named or detected', () => {
    const named = resolveRunConfig(
      { ...MINIMAL, dataset: { train: 'arc.jsonl', format: 'arc-challenge' } },
      'latro.json',
    ).config;
    const detected = resolveRunConfig(MINIMAL, 'latro.json', 'arc-challenge').config;
    for (const config of [named, detected]) {
      assert.equal(config.reward.klCoefficient, 0.25);
      assert.equal(config.epochs, 12);
    }
    assert.equal(
      resolveRunConfig({ ...MINIMAL, reward: { klCoefficient: 0.1 } }, 'x', 'arc-challenge').config.reward
        .klCoefficient,
      0.1,
    );
    const gsm8k = { ...MINIMAL, dataset: { train: 'a', format: 'gsm8k' } };
    assert.equal(resolveRunConfig(gsm8k, 'x', 'arc-challenge').config.reward.klCoefficient, 0.05);
  });

  it('corrects what the paper leaves open', () => {
    const { config } = resolveRunConfig(MINIMAL, 'latro.json');
    assert.equal(config.preset, 'latro-corrected');
    assert.equal(config.reward.over, 'answer');
    assert.equal(config.reward.truncationRule, 'question-minimum');
    assert.equal(config.sampling.minRationaleTokens, 8);
    assert.equal(config.sampling.countStopTokens, true);
    assert.equal(config.optimizer.gradientClip, 1);
    assert.equal(config.sftWeight, 1);
  });

  it('lets the learning rate follow what is trained', () => {
    const rate = (trainable: object) => resolveRunConfig({ ...MINIMAL, trainable }, 'x').config.optimizer.learningRate;
    assert.equal(rate({ kind: 'full' }), 5e-7);
    assert.equal(rate({ kind: 'lora', rank: 4 }), 1e-5);
  });

  it('keeps everything the person wrote and says where the rest came from', () => {
    const json = { ...MINIMAL, sampling: { temperature: 0.7 }, trainable: { kind: 'lora', rank: 4 }, steps: 40 };
    const { config, explanations } = resolveRunConfig(json, 'latro.json');
    assert.equal(config.sampling.temperature, 0.7);
    assert.equal(config.sampling.topP, 1);
    assert.deepEqual(config.trainable, {
      kind: 'lora',
      rank: 4,
      alpha: 32,
      dropout: 0,
      targets: 'all-linear',
      rslora: false,
    });
    assert.equal(config.steps, 40);
    assert.equal(config.epochs, null);
    const origins = new Map(explanations.map((entry) => [entry.path, entry]));
    assert.equal(origins.size, explanations.length, 'one explanation per setting');
    assert.equal(origins.get('sampling.temperature')?.origin, 'config');
    assert.equal(origins.get('sampling.topP')?.origin, 'latro-corrected');
    assert.notEqual(origins.get('sampling.topP')?.source, '');
  });

  it('resolves to itself: a resolved configuration is a configuration', () => {
    for (const preset of ['latro-paper', 'latro-corrected']) {
      for (const trainable of [{ kind: 'full' }, { kind: 'lora' }]) {
        const { config } = resolveRunConfig({ ...MINIMAL, preset, trainable, adapter: 'a' }, 'latro.json');
        assert.deepEqual(resolveRunConfig(JSON.parse(JSON.stringify(config)), 'latro.json').config, config);
      }
    }
  });

  it('refuses K = 1 and says why', () => {
    const error = refusal({ ...MINIMAL, sampling: { rationalesPerQuestion: 1 } });
    assert.match(error.reason, /sampling\.rationalesPerQuestion/);
    assert.match(error.reason, /at least 2.*leave-one-out baseline/);
  });

  it('refuses a misspelt setting and names the one meant', () => {
    const cases: [object, RegExp][] = [
      [{ ...MINIMAL, smapling: {} }, /"sampling"/],
      [{ ...MINIMAL, sampling: { tempreature: 1 } }, /"sampling\.temperature"/],
      [{ ...MINIMAL, sampling: { topp: 1 } }, /"sampling\.topP"/],
      [{ ...MINIMAL, trainable: { kind: 'lora', rnak: 1 } }, /"trainable\.rank"/],
      [{ ...MINIMAL, dataset: { train: 'a', mapping: { question: 'q', answr: 'a' } } }, /"dataset\.mapping\.answer"/],
    ];
    for (const [json, meant] of cases) assert.match(refusal(json).nextStep, meant);
  });

  it('refuses an unknown key anywhere, whatever it is called', () => {
    const full = JSON.parse(JSON.stringify(resolveRunConfig({ ...MINIMAL, trainable: { kind: 'lora' } }, 'x').config));
    const objects = (node: unknown, path: string[]): string[][] =>
      typeof node !== 'object' || node === null || Array.isArray(node)
        ? []
        : [path, ...Object.entries(node).flatMap(([key, child]) => objects(child, [...path, key]))];
    const places = objects(full, []);
    const name = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty'),
    );
    fc.assert(
      fc.property(fc.constantFrom(...places), name, (place, key) => {
        const json = structuredClone(full);
        const target = place.reduce((node, step) => node[step], json);
        // The fields that may be absent are known too.
        fc.pre(
          !Object.hasOwn(target, key) &&
            !['$schema', 'adapter', 'prompt', 'rows', 'mapping', 'validation', 'test'].includes(key),
        );
        Object.defineProperty(target, key, { value: 1, enumerable: true });
        assert.match(refusal(json).reason, /is not a setting/);
      }),
    );
  });

  it('never accepts a value outside its range and never fails otherwise than by a LatroError', () => {
    const numbers: [string, string, (n: number) => boolean][] = [
      ['sampling', 'temperature', (n) => n > 0 && n <= 10],
      ['sampling', 'topP', (n) => n > 0 && n <= 1],
      ['sampling', 'rationalesPerQuestion', (n) => Number.isInteger(n) && n >= 2 && n <= 256],
      ['reward', 'klCoefficient', (n) => n >= 0],
      ['optimizer', 'learningRate', (n) => n > 0 && n <= 1],
      ['optimizer', 'beta2', (n) => n >= 0 && n < 1],
      ['checkpoints', 'keep', (n) => Number.isInteger(n) && n >= 2],
      ['dataset', 'holdOutFraction', (n) => n >= 0 && n <= 0.5],
    ];
    const value = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: -3, max: 300 }));
    fc.assert(
      fc.property(fc.constantFrom(...numbers), value, ([section, key, valid], n) => {
        const json = { ...MINIMAL, [section]: { ...(section === 'dataset' ? MINIMAL.dataset : {}), [key]: n } };
        if (valid(n)) resolveRunConfig(json, 'latro.json');
        else assert.match(refusal(json).reason, new RegExp(`${section}\\.${key}`));
      }),
    );
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom('sampling', 'reward', 'trainable', 'steps', 'dataset', 'model', 'health'),
        (json, key) => {
          for (const candidate of [json, { ...MINIMAL, [key]: json }]) {
            try {
              resolveRunConfig(candidate, 'latro.json');
            } catch (error) {
              assert(error instanceof LatroError, String(error));
            }
          }
        },
      ),
    );
  });

  it('refuses settings that contradict each other', () => {
    const cases: [object, RegExp][] = [
      [{ steps: 3, epochs: 1 }, /both "steps" and "epochs"/],
      [{ steps: null, epochs: null }, /no length/],
      [{ sampling: { minRationaleTokens: 9, maxRationaleTokens: 8 } }, /minRationaleTokens/],
      [{ reward: { kind: 'probability', spreadWeights: true } }, /spreadWeights/],
      [{ dataset: { train: 'a', format: 'columns' } }, /mapping/],
      [{ dataset: { train: 'a', test: 'a' } }, /same rows/],
      [{ dataset: { train: 'a', test: 'a', rows: { train: ':480', test: '479:' } } }, /same rows/],
      [{ dataset: { train: 'a', rows: { train: '5:5' } } }, /holds no row/],
      [{ dataset: { train: 'a', rows: { train: 'first half' } } }, /slice such as/],
      [{ sampling: [] }, /is a list/],
    ];
    for (const [change, reason] of cases) assert.match(refusal({ ...MINIMAL, ...change }).reason, reason);
    const split = { train: 'a', test: 'a', rows: { train: '0:480', test: '480:600' } };
    assert.deepEqual(resolveRunConfig({ ...MINIMAL, dataset: split }, 'x').config.dataset.rows, split.rows);
  });

  it('reads slices half-open', () => {
    assert.deepEqual(rowRange('2:5'), { start: 2, end: 5 });
    assert.deepEqual(rowRange(':5'), { start: 0, end: 5 });
    assert.deepEqual(rowRange('2:'), { start: 2, end: Number.POSITIVE_INFINITY });
    assert.deepEqual(rowRange(undefined), { start: 0, end: Number.POSITIVE_INFINITY });
  });

  it('resolves paths against the folder of the file', () => {
    const folder = resolve('somewhere');
    const { config } = resolveRunConfig({ ...MINIMAL, adapter: join(folder, 'adapter') }, 'latro.json');
    const absolute = resolveConfigPaths(config, folder);
    assert.equal(absolute.model, join(folder, 'models', 'small'));
    assert.equal(absolute.adapter, join(folder, 'adapter'));
    assert.equal(absolute.dataset.train, join(folder, 'questions.jsonl'));
    assert(isAbsolute(absolute.outputDirectory));
    assert.equal(Object.hasOwn(absolute.dataset, 'test'), false);
  });

  it('suggests only what is near', () => {
    assert.equal(nearest('tempertaure', ['temperature', 'topP']), 'temperature');
    assert.equal(nearest('zzz', ['temperature', 'topP']), undefined);
  });
});
