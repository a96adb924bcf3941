/** What the numbers of a run depend on besides its config and files, as this process finds it. */
import { availableParallelism } from 'node:os';
import { version } from '../../../package.json';
import type { RunConfig } from '../../protocol/run_config.ts';
import type { RunIdentity } from '../../protocol/run_record.ts';
import type { WeightFormat } from '../graph/precision.ts';
import type { Environment } from '../runs/identity.ts';
import { type DeviceList, RUNTIME_VERSION } from '../runtime/devices.ts';
import type { Device } from '../runtime/session.ts';
import { choosePrecision } from './choose_precision.ts';

export const PACKAGE_VERSION: string = version;

/** The environment a run is made in, with the device that it computes on. */
export type RunEnvironment = Environment & { readonly device: Device; readonly precision: WeightFormat };
/** Where, and in what, a model computes. */
export type ComputePlace = Pick<RunEnvironment, 'device' | 'precision'>;

/**
 * Chooses the device and the precision that a config asks for. A resumed run whose config leaves the choice open goes on where and as
 * it was, if that still computes: elsewhere it would not be the same run bit by bit.
 * @throws LatroError `device-unavailable`
 */
export async function chooseEnvironment(
  devices: DeviceList,
  config: Pick<RunConfig, 'device' | 'threads' | 'precision' | 'trainable' | 'model'>,
  before: Pick<RunIdentity, 'device' | 'precision'> | null = null,
): Promise<RunEnvironment> {
  const same = devices.backends.find((backend) => backend.device === before?.device)?.device;
  const goesOn = config.device === 'auto' && same !== undefined && (await devices.trial(same)).works;
  const device = await devices.choose(goesOn ? same : config.device);
  const { trainable, model, precision: asked } = config;
  const trains = trainable.kind === 'full' ? 'all-weights' : 'some';
  const precision = await choosePrecision(devices, device, { asked, trains, model }, before?.precision ?? null);
  return currentEnvironment(device, config.threads, precision);
}

export function currentEnvironment(
  device: Device,
  threads: number,
  precision: WeightFormat = 'float32',
): RunEnvironment {
  return {
    device,
    precision,
    threads: threads === 0 ? availableParallelism() : threads,
    packageVersion: PACKAGE_VERSION,
    onnxruntimeVersion: RUNTIME_VERSION,
  };
}
