/** Operators that a device leaves to the CPU: counted from the profile of a run, written into its record, and said once. */
import { strict as assert } from 'node:assert';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { GraphBuilder } from '../../src/engine/graph/graph_builder.ts';
import { Programs } from '../../src/engine/model/programs.ts';
import { type Placement, placementOf } from '../../src/engine/runtime/placement.ts';
import { Session } from '../../src/engine/runtime/session.ts';
import { noteOperators } from '../../src/engine/training/run_notes.ts';
import { EvaluationSummary } from '../../src/protocol/records.ts';
import { latroOk } from '../support/command_line.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { PowerLossFileSystem } from '../support/power_loss_file_system.ts';
import { Studio } from '../support/studio_harness.ts';
import { tinyQuestions, writeTinyFolder } from '../support/tiny_folder.ts';
import { newToyRun, toyWorld } from '../support/toy_run.ts';

/** One operator in a profile, as onnxruntime writes it. */
const node = (provider: string, name: string, ...types: readonly string[]): unknown => ({
  cat: 'Node',
  ph: 'X',
  name: `${name}_0_kernel_time`,
  dur: 3,
  args: { provider, op_name: name, input_type_shape: types.map((type) => ({ [type]: [2, 3] })) },
});
const CPU = 'CPUExecutionProvider';
const WEBGPU = 'WebGpuExecutionProvider';

describe('where operators were executed', () => {
  it('tells what a device executed from what fell back, and both from sizes and token ids', () => {
    const events = [
      { cat: 'Session', ph: 'X', name: 'model_run', dur: 9, args: {} },
      node(WEBGPU, 'MatMul', 'float', 'float'),
      node(WEBGPU, 'Gather', 'float16', 'int64'),
      node(CPU, 'Softmax', 'float'),
      node(CPU, 'Softmax', 'float16'),
      node(CPU, 'Gather', 'int64', 'bfloat16'),
      node(CPU, 'Exp', 'double'),
      node(CPU, 'Add', 'int64', 'int64'),
      node(CPU, 'Cast', 'int32'),
      node(CPU, 'Not', 'bool'),
      { cat: 'Node', ph: 'X', name: 'Constant_0', args: { provider: CPU, op_name: 'Constant' } },
    ];
    assert.deepEqual(placementOf(events), { onDevice: 2, fellBack: { Softmax: 2, Gather: 1, Exp: 1 }, onIntegers: 4 });
  });

  it('reads it from what onnxruntime writes', async () => {
    const graph = new GraphBuilder('profiled');
    const x = graph.input('x', 'float32', ['n', 2]);
    const size = graph.input('size', 'int64', [1]);
    const doubled = graph.single('Add', [size, size], 'int64', [1]);
    graph.output(
      'y',
      graph.single('Expand', [graph.single('MatMul', [x, x], 'float32', ['n', 2]), doubled], 'float32', ['n', 2]),
    );
    const session = await Session.create('profiled', graph.serialise(), { device: 'cpu', threads: 1, profiled: true });
    assert.equal(session.placement, null);
    const inputs = {
      x: { shape: [2, 2], data: new Float32Array(4) },
      size: { shape: [1], data: BigInt64Array.of(1n) },
    };
    await session.run(inputs, ['y']);
    assert.deepEqual(session.placement, { onDevice: 0, fellBack: { MatMul: 1, Expand: 1 }, onIntegers: 1 });
    await session.dispose();
  });

  it('a run records it, and says once which operators fell back', async () => {
    const writer = await newToyRun(toyWorld(new PowerLossFileSystem()), '/runs');
    const score: Placement = { onDevice: 40, fellBack: {}, onIntegers: 5 };
    const step: Placement = { onDevice: 90, fellBack: { Softmax: 2, Gather: 1 }, onIntegers: 7 };
    const said: string[] = [];
    const listener = { onWarning: (message: string): number => said.push(message) };
    const note = (operators: Record<string, Placement>): Promise<void> =>
      noteOperators(writer, { placements: async () => operators }, listener);
    await note({});
    assert.equal(writer.record.operators, undefined);
    await note({ score });
    assert.deepEqual(said, []);
    await note({ score, step });
    await note({ score, step });
    assert.deepEqual(said, ['Operators of the program "step" that fell back to the CPU: Softmax (2), Gather (1).']);
    assert.deepEqual(writer.record.operators, { score, step });
    await writer.release();
  });
});

describe('operators that fell back apart from any run', () => {
  const folder = temporaryFolder();
  const operators: Record<string, Placement> = {
    score: { onDevice: 40, fellBack: {}, onIntegers: 5 },
    decode: { onDevice: 90, fellBack: { Softmax: 2, Gather: 1 }, onIntegers: 7 },
  };
  const SAID = /^Operators of the program "decode" that fell back to the CPU: Softmax \(2\), Gather \(1\)\.$/gm;
  const { placements } = Programs.prototype;
  /** As on a device, which no machine of these tests has. */
  const onDevice = (): void => {
    Programs.prototype.placements = async () => operators;
  };
  afterEach(() => {
    Programs.prototype.placements = placements;
  });
  before(async () => {
    await writeTinyFolder(join(folder.path, 'model'));
    await writeFile(join(folder.path, 'questions.jsonl'), tinyQuestions(2));
    await writeFile(join(folder.path, 'texts.jsonl'), '{"prompt":"How many","completion":" apples?"}\n');
  });
  const said = async (...argv: readonly string[]): Promise<number> => {
    const { stderr } = await latroOk([...argv, '--model', 'model', '--threads', '1'], { cwd: folder.path });
    return (stderr.text.match(SAID) ?? []).length;
  };

  it('stand in the file of an evaluation, and are said once', async () => {
    const evaluate = ['eval', '--dataset', 'questions.jsonl', '--max-tokens', '4', '--json', 'out.json'];
    const written = async () => JSON.parse(await readFile(join(folder.path, 'out.json'), 'utf8')) as EvaluationSummary;
    assert.equal(await said(...evaluate), 0);
    assert.ok(!('operators' in (await written())), 'the CPU has no choice');
    onDevice();
    assert.equal(await said(...evaluate), 1);
    assert.deepEqual((await written()).operators, operators);
  });

  it('are said once by sampling and by scoring', async () => {
    onDevice();
    assert.equal(await said('sample', '--rows', 'questions.jsonl', '--k', '2', '--max-tokens', '4'), 1);
    assert.equal(await said('score', '--rows', 'texts.jsonl'), 1);
  });

  it('stand in the summary of an evaluation that a client asked for', async () => {
    const studio = await Studio.start();
    try {
      onDevice();
      const weights = { kind: 'model', model: join(folder.path, 'model'), adapter: null } as const;
      const { summary, file } = await studio.client.request('evaluate', {
        jobId: studio.nextJob(),
        weights,
        dataset: join(folder.path, 'questions.jsonl'),
        format: 'auto',
        questions: 1,
        k: 0,
      });
      assert.deepEqual(summary.operators, operators);
      const stored = JSON.parse(await readFile(file.replace(/\.jsonl$/, '.json'), 'utf8'));
      assert.deepEqual(v.parse(EvaluationSummary, stored).operators, operators);
    } finally {
      await studio.close();
    }
  });
});
