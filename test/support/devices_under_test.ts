/** Tests of a device other than the CPU: which one, and that it is there. `scripts/test_webgpu.mjs` finds a driver for it. */
import { GraphBuilder } from '../../src/engine/graph/graph_builder.ts';
import { cast } from '../../src/engine/graph/precision.ts';
import { listBackends } from '../../src/engine/runtime/devices.ts';
import { type Device, nativeReason, Session } from '../../src/engine/runtime/session.ts';

export const DEVICE_UNDER_TEST = (process.env.LATRO_TEST_DEVICE ?? 'webgpu') as Device;

/** Somebody says that the device is here: one that does not compute is then a failure, and nothing to skip. */
const isRequired = process.env.LATRO_REQUIRE_DEVICE === '1';

/** While one session lives, so do the shaders that onnxruntime has compiled, which takes far longer than to run them: it is never disposed. */
let held: Promise<Session> | undefined;

/** Skips the running suite, in plain words, where the device is not there. */
export async function requireDevice(context: Mocha.Context): Promise<void> {
  held ??= computeOnce();
  await held.catch((error: Error) => {
    if (isRequired) throw error;
    console.log(`      skipped: ${error.message}`);
    context.skip();
  });
}

async function computeOnce(): Promise<Session> {
  // onnxruntime leaves out a provider that it was built without: the CPU would be compared with itself.
  if (!listBackends().some(({ device }) => device === DEVICE_UNDER_TEST))
    throw new Error(`onnxruntime has no device ${DEVICE_UNDER_TEST} on ${process.platform}-${process.arch}.`);
  const graph = new GraphBuilder('probe');
  graph.output('y', graph.input('x', 'float32', [1]));
  const session = await Session.create('probe', graph.serialise(), { device: DEVICE_UNDER_TEST, threads: 1 });
  await session.run({ x: { shape: [1], data: new Float32Array(1) } }, ['y']);
  return session;
}

/** Skips the running suite where the device has no float16, such as Chromium's software driver. */
export async function requireFloat16(context: Mocha.Context): Promise<void> {
  await requireDevice(context);
  const graph = new GraphBuilder('probe of float16', 'portable');
  const x = cast(graph, graph.input('x', 'float32', [4, 4]), 'float16');
  graph.output('y', cast(graph, graph.single('MatMul', [x, x], 'float16', [4, 4]), 'float32'));
  const session = await Session.create('probe', graph.serialise(), { device: DEVICE_UNDER_TEST, threads: 1 });
  const ones = { shape: [4, 4], data: new Float32Array(16).fill(1) };
  await session.run({ x: ones }, ['y']).catch((error: Error) => {
    // A device may do without float16; whatever else stops it is no reason to skip where it has to be there.
    if (isRequired && !/\bf16\b/.test(error.message)) throw error;
    console.log(`      skipped: ${nativeReason(error)}`);
    context.skip();
  });
  await session.dispose();
}
