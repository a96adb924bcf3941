/** Tests of a device other than the CPU: which one, and that it is there. `scripts/test_webgpu.mjs` finds a driver for it. */
import { GraphBuilder } from '../../src/engine/graph/graph_builder.ts';
import { type Device, Session } from '../../src/engine/runtime/session.ts';

export const DEVICE_UNDER_TEST = (process.env.LATRO_TEST_DEVICE ?? 'webgpu') as Device;

/**
 * Skips the running suite, in plain words, where the device is not there. What it returns is to be disposed after the suite: while one
 * session lives, so do the shaders that onnxruntime has compiled, which take far longer than to run them.
 */
export async function requireDevice(context: Mocha.Context): Promise<Session | undefined> {
  const graph = new GraphBuilder('probe');
  graph.output('y', graph.input('x', 'float32', [1]));
  try {
    return await Session.create('probe', graph.serialise(), { device: DEVICE_UNDER_TEST, threads: 1 });
  } catch (error) {
    console.log(`      skipped: ${(error as Error).message.split('\n')[0]}`);
    return context.skip();
  }
}
