/** Tests of a device other than the CPU: which one, and that it is there. `scripts/test_webgpu.mjs` finds a driver for it. */
import { GraphBuilder } from '../../src/engine/graph/graph_builder.ts';
import { type Device, Session } from '../../src/engine/runtime/session.ts';

export const DEVICE_UNDER_TEST = (process.env.LATRO_TEST_DEVICE ?? 'webgpu') as Device;

/** While one session lives, so do the shaders that onnxruntime has compiled, which takes far longer than to run them: it is never disposed. */
let held: Promise<Session> | undefined;

/** Skips the running suite, in plain words, where the device is not there. */
export async function requireDevice(context: Mocha.Context): Promise<void> {
  const graph = new GraphBuilder('probe');
  graph.output('y', graph.input('x', 'float32', [1]));
  held ??= Session.create('probe', graph.serialise(), { device: DEVICE_UNDER_TEST, threads: 1 });
  await held.catch((error: Error) => {
    console.log(`      skipped: ${error.message}`);
    context.skip();
  });
}
