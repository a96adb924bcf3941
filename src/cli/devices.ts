/** `latro devices`: where a model can compute on this machine, tried out and not guessed. */
import { availableParallelism, cpus, totalmem } from 'node:os';
import { unreachable } from '../engine/common/errors.ts';
import { availableMemory } from '../engine/common/memory.ts';
import { trialReport } from '../engine/model/device_trial.ts';
import { type Backend, type DeviceTrial, RUNTIME_VERSION } from '../engine/runtime/devices.ts';
import type { Device } from '../engine/runtime/session.ts';
import { badRequest } from './arguments.ts';
import type { Command } from './command.ts';
import { installDevice } from './install_device.ts';
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
  usage: '[--install cuda]',
  positionals: [0, 0],
  options: {
    install: {
      value: 'NAME',
      help: "Fetches a device's libraries from nuget.org, with onnxruntime's own installer: cuda, on Linux x64.",
    },
    probe: { value: 'NAME', help: 'Only tries one device, in this process, and prints what came of it.' },
  },
  details: [
    'Each device multiplies matrices for a moment, in a process of its own; --device auto chooses WebGPU, if it is at least twice as fast as the CPU.',
    'Weights and key/value cache stay in the memory of a WebGPU device; CUDA, DirectML and Core ML are handed them in every run, so --device has to name these.',
    'CUDA also needs the CUDA 12 and cuDNN 9 libraries of the system.',
    'Where a device has float16 its rate stands beside, and what it sums products in: --precision float16 takes half the memory.',
  ],

  async run(args, context) {
    const { terminal, devices } = context;
    const { backends } = devices;
    const probed = args.text('probe');
    const installed = args.text('install');
    if (probed !== undefined) terminal.out(await trialReport(known(probed, backends)));
    else if (installed !== undefined) await installDevice(known(installed, backends), context);
    else {
      const rows: string[][] = [];
      // One after the other: they would share the processor.
      for (const backend of backends) rows.push(describe(backend, await devices.trial(backend.device)));
      for (const line of textTable(rows, 'left')) terminal.out(line);
      const chosen = await devices.choose('auto');
      terminal.note(`onnxruntime ${RUNTIME_VERSION ?? '(version unknown)'}; --device auto chooses ${chosen}.`);
    }
  },
};

function known(name: string, backends: readonly Backend[]): Device {
  const backend = backends.find(({ device }) => device === name);
  if (backend !== undefined) return backend.device;
  throw badRequest(`There is no device "${name}".`, `Known here: ${backends.map(({ device }) => device).join(', ')}.`);
}

function describe({ device, bundled }: Backend, trial: DeviceTrial): string[] {
  if (trial.works) return [device, `works, ${rates(trial)}`, details(device)];
  const installed = bundled || !/shared library/.test(trial.reason);
  return [device, installed ? 'does not work' : 'not installed', `${details(device)}: ${trial.reason}`];
}

/** "95 GFLOP/s", or "95 GFLOP/s, float16 160 (summed in float32)". */
function rates({ gflops, float16 }: Extract<DeviceTrial, { readonly works: true }>): string {
  const rate = (value: number): string => value.toFixed(value < 10 ? 1 : 0);
  const whole = `${rate(gflops)} GFLOP/s`;
  return float16 === null ? whole : `${whole}, float16 ${rate(float16.gflops)} (summed in ${float16.sums})`;
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
