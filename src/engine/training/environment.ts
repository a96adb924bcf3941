/** What the numbers of a run depend on besides its config and files, as this process finds it. */
import { availableParallelism } from 'node:os';
import { version } from '../../../package.json';
import type { RunConfig } from '../../protocol/run_config.ts';
import type { Environment } from '../runs/identity.ts';
import { type DeviceList, RUNTIME_VERSION } from '../runtime/devices.ts';
import type { Device } from '../runtime/session.ts';

export const PACKAGE_VERSION: string = version;

/** The environment a run is made in, with the device that it computes on. */
export type RunEnvironment = Environment & { readonly device: Device };

/**
 * Chooses the device that a config asks for. A resumed run whose config leaves the choice open goes on where it was, if that still
 * computes: on another device it would not be the same run bit by bit.
 * @throws LatroError `device-unavailable`
 */
export async function chooseEnvironment(
  devices: DeviceList,
  { device, threads }: Pick<RunConfig, 'device' | 'threads'>,
  before: string | null = null,
): Promise<RunEnvironment> {
  const same = devices.backends.find((backend) => backend.device === before)?.device;
  const goesOn = device === 'auto' && same !== undefined && (await devices.trial(same)).works;
  return currentEnvironment(await devices.choose(goesOn ? same : device), threads);
}

export function currentEnvironment(device: Device, threads: number): RunEnvironment {
  return {
    device,
    threads: threads === 0 ? availableParallelism() : threads,
    packageVersion: PACKAGE_VERSION,
    onnxruntimeVersion: RUNTIME_VERSION,
  };
}
