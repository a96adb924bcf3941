/** What a program says that fails while it is compiled or runs: a lost or full device and full memory can be mended, all else is a bug. */
import { strict as assert } from 'node:assert';
import { LatroError } from '../../src/engine/common/errors.ts';
import { GraphBuilder } from '../../src/engine/graph/graph_builder.ts';
import { ProtobufWriter } from '../../src/engine/graph/protobuf.ts';
import { nativeReason, runFailure, Session } from '../../src/engine/runtime/session.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';

/** A native error of a run that asks for a result of this many floats; negative: of no possible shape. */
async function zeros(size: number): Promise<unknown> {
  const graph = new GraphBuilder('zeros');
  const wanted = graph.input('size', 'int64', [1]);
  graph.output('to', graph.single('Expand', [graph.floats([0]), wanted], 'float32', ['N']));
  const session = await Session.create('zeros', graph.serialise(), { device: 'cpu', threads: 1 });
  try {
    return await session.run({ size: { shape: [1], data: BigInt64Array.of(BigInt(size)) } }, ['to']);
  } finally {
    await session.dispose();
  }
}

/** A program with a tensor of its own of this many floats, of which one is given: compiling it takes the memory for all of them. */
function withSparse(floats: number, given: Uint8Array): Uint8Array {
  const graph = new GraphBuilder('sparse');
  graph.output('y', graph.single('Neg', [graph.input('x', 'float32', [1])], 'float32', [1]));
  const tensor = (type: number, name: string, data: Uint8Array) => (out: ProtobufWriter) => {
    out.integer(1, 1);
    out.integer(2, type);
    out.text(8, name);
    out.bytes(9, data);
  };
  // Of a second field of the same number protobuf adds what is in it to the first.
  const more = new ProtobufWriter();
  more.message(7, (inGraph) =>
    inGraph.message(15, (sparse) => {
      sparse.message(1, tensor(1, 'w', given));
      sparse.message(2, tensor(7, 'places', new Uint8Array(8)));
      sparse.integer(3, floats);
    }),
  );
  return Buffer.concat([graph.serialise(), more.finish()]);
}

describe('a program that fails while it is compiled', () => {
  const compile = async (floats: number, bytes = 4): Promise<void> => {
    const options = { device: 'cpu', threads: 1 } as const;
    await (await Session.create('sparse', withSparse(floats, new Uint8Array(bytes)), options)).dispose();
  };

  it('says on the CPU that memory is full, and what takes less of it, as a run does', async () => {
    await compile(3);
    const error = await expectLatroError(() => compile(2 ** 46), 'out-of-memory');
    assert.match(error.reason, /^There was not enough memory for the program sparse: .*bad.alloc[^.]*\.$/);
    const ofRun = await expectLatroError(() => zeros(2 ** 50), 'out-of-memory');
    assert.equal(error.nextStep, ofRun.nextStep);
    assert.ok(error.cause instanceof Error && !(error.cause instanceof LatroError));
  });

  it('stays the bug that it is on the CPU for any other reason', async () => {
    const error = await compile(3, 5).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof Error && !(error instanceof LatroError), String(error));
  });
});

describe('a program that fails while it runs', () => {
  it('says on the CPU that memory is full, with the size and what takes less of it', async () => {
    const error = await expectLatroError(() => zeros(2 ** 50), 'out-of-memory');
    assert.match(error.reason, /^There was not enough memory for the program zeros: Failed to allocate .+ \d+\.$/);
    assert.match(error.nextStep, /tokenBudget/);
    assert.match((error.cause as Error).message, /while running Expand/);
  });

  it('stays the bug that it is on the CPU for any other reason', async () => {
    const error = await zeros(-3).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof Error && !(error instanceof LatroError), String(error));
    assert.equal(runFailure('cpu', 'step', error), error);
  });

  it('says on another device which one failed, with the reason and what to do next', () => {
    const cause = new Error(
      "Non-zero status code returned while running Add node. Name:'x' Status Message: /a.cc:1 void f(int) lost\n",
    );
    for (const device of ['webgpu', 'cuda', 'dml', 'coreml'] as const) {
      const error = runFailure(device, 'step', cause);
      assert.ok(error instanceof LatroError);
      assert.equal(error.code, 'device-failed');
      assert.equal(error.reason, `The device '${device}' failed in the program step: lost.`);
      assert.match(error.nextStep, /resumed.*'cpu'/);
      assert.equal(error.cause, cause);
    }
  });

  it('leaves source places and check expressions out of the reason', () => {
    const download =
      '/ort/core/buffer_manager.cc:641 void ort::Download(WGPUBuffer, void*, size_t) const result.status == Success was false. Failed to download data from buffer.\n';
    assert.equal(nativeReason(new Error(download)), 'Failed to download data from buffer');
    const running = "Non-zero status code returned while running Expand node. Name:'Expand_0' Status Message: ";
    assert.equal(nativeReason(new Error(`${running}narrowing_error`)), 'narrowing_error');
    assert.equal(
      nativeReason(new Error(`${running}/ort/bfc_arena.cc:360 void* ort::Alloc(size_t, bool, ort::Stream*) No room\n`)),
      'No room',
    );
  });
});
