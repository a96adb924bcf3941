/**
 * Where a model can compute. What onnxruntime was built with says little: whether the hardware, its driver and their libraries are there,
 * and whether they are faster than the CPU, only trying tells.
 */
import { existsSync, readdirSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { LatroError } from '../common/errors.ts';
import { type Device, keepsTensors } from './session.ts';

export const RUNTIME_VERSION: string | null = ort.env.versions.node ?? null;

export interface Backend {
  readonly device: Device;
  /** False: its libraries are not part of the package and have to be installed. */
  readonly bundled: boolean;
}

/** The devices that this build of onnxruntime knows on this operating system. */
export function listBackends(): Backend[] {
  const devices: readonly Device[] = ['cpu', 'webgpu', 'cuda', 'dml', 'coreml'];
  const known = ort.listSupportedBackends();
  return devices.flatMap((device) => {
    const backend = known.find(({ name }) => name === device);
    return backend === undefined ? [] : [{ device, bundled: backend.bundled }];
  });
}

/** Whether the system has a graphics card at all; a software driver, which is slower than the CPU provider, does not count. */
export function hasGraphicsCard(): boolean {
  if (process.platform !== 'linux') return true;
  const nodes = existsSync('/dev/dri') ? readdirSync('/dev/dri') : [];
  return nodes.some((name) => name.startsWith('render')) || ['/dev/nvidiactl', '/dev/kfd', '/dev/dxg'].some(existsSync);
}

export interface HalfTrial {
  /** Rate of multiplying float16 matrices, 10⁹ operations per second. */
  readonly gflops: number;
  /** What such products are summed in. float16 does not count beyond 2048, and loses digits with the width of a product. */
  readonly sums: 'float32' | 'float16';
}

/** What came of computing somewhere for a moment. */
export type DeviceTrial =
  | {
      readonly works: true /** Rate of multiplying float32 matrices, 10⁹ operations per second. */;
      readonly gflops: number;
      /** null where the device has none. */
      readonly float16: HalfTrial | null;
    }
  | { readonly works: false; readonly reason: string };

/** What a list of devices is made from. */
export interface DeviceSource {
  readonly backends: readonly Backend[];
  readonly hasGraphicsCard: boolean;
  /** Never rejects. A broken driver may end the process that tries it: best in a process of its own. */
  readonly tryDevice: (device: Device) => Promise<DeviceTrial>;
}

export type DeviceChoice = Device | 'auto';

/** A device is worth its transfers and its other rounding if it multiplies so many times faster than the CPU. */
const WORTHWHILE = 2;

export class DeviceList {
  readonly #source: DeviceSource;
  readonly #trials = new Map<Device, Promise<DeviceTrial>>();

  constructor(source: DeviceSource) {
    this.#source = source;
  }

  get backends(): readonly Backend[] {
    return this.#source.backends;
  }

  /** Tries a device, once in the life of this list. */
  trial(device: Device): Promise<DeviceTrial> {
    const known = this.#trials.get(device) ?? this.#source.tryDevice(device);
    this.#trials.set(device, known);
    return known;
  }

  /**
   * The device to compute on. 'auto' is the fastest one that keeps tensors and multiplies at least twice as fast as the CPU, else the CPU.
   * @throws LatroError `device-unavailable` when the one asked for does not compute here, with what would help
   */
  async choose(asked: DeviceChoice): Promise<Device> {
    if (asked === 'cpu') return 'cpu';
    if (asked === 'auto') return this.#fastest();
    const backend = this.backends.find(({ device }) => device === asked);
    if (backend === undefined) {
      const known = this.backends.map(({ device }) => device).join(', ');
      throw new LatroError(
        'device-unavailable',
        `onnxruntime has no device '${asked}' on ${process.platform}-${process.arch}; it has ${known}.`,
        "Choose one of these, or 'auto'.",
      );
    }
    const trial = await this.trial(asked);
    if (trial.works) return asked;
    const install = backend.bundled ? '' : `Install its libraries with: latro devices --install ${asked}. `;
    throw new LatroError(
      'device-unavailable',
      `The device '${asked}' does not compute here: ${trial.reason}.`,
      `${install}Or choose the device 'cpu' or 'auto'.`,
    );
  }

  async #fastest(): Promise<Device> {
    if (!this.#source.hasGraphicsCard) return 'cpu';
    const rates = new Map<Device, number>();
    for (const { device } of this.backends) {
      // One that is handed all weights in every run is slow in a way that a trial does not show: it is for those who name it.
      if (!keepsTensors(device)) continue;
      const trial = await this.trial(device);
      if (trial.works) rates.set(device, trial.gflops);
    }
    const [best] = [...rates].sort(([, a], [, b]) => b - a);
    if (best === undefined) return 'cpu';
    const cpu = await this.trial('cpu');
    return cpu.works && best[1] < WORTHWHILE * cpu.gflops ? 'cpu' : best[0];
  }
}
