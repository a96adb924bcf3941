/** `latro devices`: where a model can compute on this machine, tried out and not guessed. */
import { spawn } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { unreachable } from '../engine/common/errors.ts';
import { availableMemory } from '../engine/common/memory.ts';
import { GraphBuilder } from '../engine/graph/graph_builder.ts';
import { add } from '../engine/graph/operators.ts';
import { listBackends, RUNTIME_VERSION } from '../engine/runtime/devices.ts';
import { type Device, Session } from '../engine/runtime/session.ts';
import { badRequest } from './arguments.ts';
import type { Command } from './command.ts';
import { textTable } from './text_table.ts';

const TITLES: Readonly<Record<Device, string>> = {
  cpu: 'processor',
  webgpu: 'graphics card through WebGPU',
  cuda: 'NVIDIA graphics card through CUDA 12',
  dml: 'graphics card through DirectML',
  coreml: 'graphics card and neural engine through Core ML',
};

export const devicesCommand: Command = {
  name: 'devices',
  summary: 'Lists where a model can compute on this machine.',
  usage: '',
  positionals: [0, 0],
  options: { probe: { value: 'NAME', help: 'Only tries one device, in this process: exit code 0 when it computes.' } },

  async run(args, { terminal }) {
    const devices = listBackends();
    const probed = args.text('probe');
    if (probed !== undefined) {
      const device = devices.find((backend) => backend.device === probed)?.device;
      if (device === undefined)
        throw badRequest(
          `There is no device "${probed}".`,
          `Known here: ${devices.map((known) => known.device).join(', ')}.`,
        );
      await probe(device);
      return;
    }
    const rows = await Promise.all(
      devices.map(async ({ device, bundled }) => [
        device,
        (await probeApart(device)) ? 'works' : missing(device, bundled),
        details(device),
      ]),
    );
    for (const line of textTable(rows, 'left')) terminal.out(line);
    terminal.note(`onnxruntime ${RUNTIME_VERSION ?? '(version unknown)'}; --device auto chooses cpu.`);
  },
};

function missing(device: Device, bundled: boolean): string {
  return bundled || device === 'cpu' ? 'no such hardware or driver' : 'not installed';
}

function details(device: Device): string {
  switch (device) {
    case 'cpu': {
      const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);
      const memory = `${gigabytes(availableMemory())} of ${gigabytes(totalmem())} GB of memory free`;
      return `${cpus()[0]?.model.trim() ?? TITLES.cpu}, ${availableParallelism()} threads, ${memory}`;
    }
    case 'webgpu':
    case 'cuda':
    case 'dml':
    case 'coreml':
      return TITLES[device];
    default:
      return unreachable(device);
  }
}

/** Computes 1 + 1 there. @throws LatroError `device-unavailable` */
async function probe(device: Device): Promise<void> {
  const graph = new GraphBuilder('probe');
  const x = graph.input('x', 'float32', [1]);
  graph.output('sum', add(graph, x, x));
  const session = await Session.create('probe', graph.serialise(), { device, threads: 1 });
  try {
    const { sum } = await session.run({ x: { shape: [1], data: Float32Array.of(1) } }, ['sum']);
    if (sum?.[0] !== 2) throw new Error(`${device} says 1 + 1 = ${sum?.[0]}`);
  } finally {
    await session.dispose();
  }
}

/** In a process of its own: a driver that is broken may take its process down with it. */
function probeApart(device: Device): Promise<boolean> {
  if (device === 'cpu') return probe(device).then(() => true);
  const program = process.argv[1];
  if (program === undefined) return Promise.resolve(false);
  return new Promise((done) => {
    const child = spawn(process.execPath, [...process.execArgv, program, 'devices', '--probe', device], {
      stdio: 'ignore',
      timeout: 60_000,
    });
    child.once('error', () => done(false));
    child.once('close', (code) => done(code === 0));
  });
}
