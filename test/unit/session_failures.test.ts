/** What a program that fails in the middle of a run says: a lost or full device and full memory can be mended, all else is a bug. */
import { strict as assert } from 'node:assert';
import { LatroError } from '../../src/engine/common/errors.ts';
import { GraphBuilder } from '../../src/engine/graph/graph_builder.ts';
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
