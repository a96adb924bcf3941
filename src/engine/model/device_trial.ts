/** Trying a device: a few products of matrices, in a process of its own, because a broken driver may take its process down with it. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import * as v from 'valibot';
import { GraphBuilder, type Value } from '../graph/graph_builder.ts';
import { cast, type Precision } from '../graph/precision.ts';
import {
  type DeviceSource,
  type DeviceTrial,
  type HalfTrial,
  hasGraphicsCard,
  listBackends,
} from '../runtime/devices.ts';
import { type Device, nativeReason, Session } from '../runtime/session.ts';

/** Rows and columns: the bigger product only where it will not take long. */
const SIZES = [64, 256, 1024];
const PRODUCTS = 4;
const ROUNDS = 2;
const LONGEST_SECONDS = 0.5;
/** Of a result that is 1: float16 sums of 1/n, n a power of two, are exact. */
const TOLERANCE = 1e-3;

/**
 * Multiplies on the device, in this process: ones of (n, n) four times with a matrix whose columns add up to 1.
 * @returns 10⁹ floating-point operations per second, transfers included
 * @throws LatroError `device-unavailable`, or Error when it computes something else than the products
 */
async function multiplicationRate(device: Device, precision: Precision): Promise<number> {
  const graph = new GraphBuilder('trial', 'portable');
  const x = graph.input('x', 'float32', ['n', 'n']);
  const w = cast(graph, graph.input('w', 'float32', ['n', 'n']), precision);
  let y = cast(graph, x, precision);
  for (let i = 0; i < PRODUCTS; i++) y = graph.single('MatMul', [y, w], precision, ['n', 'n']);
  const column = graph.input('column', 'float32', ['n', 1]);
  graph.output('result', graph.single('MatMul', [cast(graph, y, 'float32'), column], 'float32', ['n', 1]));

  const session = await Session.create('trial', graph.serialise(), { device, threads: availableParallelism() });
  let rate = Number.POSITIVE_INFINITY;
  try {
    for (const size of SIZES) {
      const operations = 2 * size ** 3 * PRODUCTS;
      if (operations / (1e9 * rate) > LONGEST_SECONDS) break;
      rate = operations / (1e9 * (await bestSeconds(session, size)));
    }
  } finally {
    await session.dispose();
  }
  return rate;
}

async function bestSeconds(session: Session, size: number): Promise<number> {
  const constant = (columns: number, value: number) => ({
    shape: [size, columns],
    data: new Float32Array(size * columns).fill(value),
  });
  const inputs = { x: constant(size, 1), w: constant(size, 1 / size), column: constant(1, 1 / size) };
  let best = Number.POSITIVE_INFINITY;
  // The first round compiles.
  for (let round = 0; round <= ROUNDS; round++) {
    const start = performance.now();
    const { result } = await session.run(inputs, ['result']);
    if (round > 0) best = Math.min(best, (performance.now() - start) / 1000);
    const wrong = result!.find((value) => Math.abs(value - 1) > TOLERANCE);
    if (wrong !== undefined) throw new Error(`it multiplies wrongly: ${wrong} instead of 1`);
  }
  return best;
}

const Trial = v.variant('works', [
  v.object({
    works: v.literal(true),
    gflops: v.number(),
    float16: v.nullable(v.object({ gflops: v.number(), sums: v.picklist(['float32', 'float16']) })),
  }),
  v.object({ works: v.literal(false), reason: v.string() }),
]);

/** What the process that tries a device prints: a `DeviceTrial` as JSON. */
export async function trialReport(device: Device): Promise<string> {
  const trial = await multiplicationRate(device, 'float32').then(
    async (gflops): Promise<DeviceTrial> => ({ works: true, gflops, float16: await halfTrial(device) }),
    (error: Error): DeviceTrial => ({ works: false, reason: nativeReason(error.cause ?? error) }),
  );
  return JSON.stringify(trial);
}

/** The CPU would widen what it is given. */
async function halfTrial(device: Device): Promise<HalfTrial | null> {
  if (device === 'cpu') return null;
  try {
    return { gflops: await multiplicationRate(device, 'float16'), sums: await sumsOf(device) };
  } catch {
    return null;
  }
}

/** Adds up 4096 ones, which float16 holds but does not reach one by one. */
async function sumsOf(device: Device): Promise<HalfTrial['sums']> {
  const graph = new GraphBuilder('sums', 'portable');
  const half = (name: string, shape: readonly [number, number]): Value =>
    cast(graph, graph.input(name, 'float32', shape), 'float16');
  const [rows, width] = [64, 4096];
  const product = graph.single('MatMul', [half('a', [rows, width]), half('b', [width, rows])], 'float16', [rows, rows]);
  graph.output('sums', cast(graph, product, 'float32'));
  const session = await Session.create('sums', graph.serialise(), { device, threads: availableParallelism() });
  try {
    const ones = new Float32Array(rows * width).fill(1);
    const inputs = { a: { shape: [rows, width], data: ones }, b: { shape: [width, rows], data: ones } };
    const { sums } = await session.run(inputs, ['sums']);
    return sums!.every((sum) => sum === width) ? 'float32' : 'float16';
  } finally {
    await session.dispose();
  }
}

/** This machine's devices. @param trialArguments of `node` for a process that prints the `trialReport` of a device */
export function systemDevices(trialArguments: (device: Device) => readonly string[]): DeviceSource {
  return {
    backends: listBackends(),
    hasGraphicsCard: hasGraphicsCard(),
    tryDevice: (device) => tryApart([...process.execArgv, ...trialArguments(device)]),
  };
}

const TRIAL_MILLISECONDS = 60_000;

function tryApart(args: readonly string[]): Promise<DeviceTrial> {
  return new Promise((done) => {
    // onnxruntime writes its own account of what fails to stderr; the trial says it in one line.
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: TRIAL_MILLISECONDS });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.once('error', ({ message }) => done({ works: false, reason: message }));
    child.once('close', (_, signal) => done(readTrial(out, signal)));
  });
}

function readTrial(text: string, signal: NodeJS.Signals | null): DeviceTrial {
  if (signal === 'SIGTERM') return { works: false, reason: `no answer within ${TRIAL_MILLISECONDS / 1000} s` };
  if (signal !== null) return { works: false, reason: `its driver ended the process (${signal})` };
  try {
    return v.parse(Trial, JSON.parse(text));
  } catch {
    return { works: false, reason: 'its trial said nothing' };
  }
}
