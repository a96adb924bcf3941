/** What the numbers of a run depend on besides its config and files, as this process finds it. */
import { availableParallelism } from 'node:os';
import { version } from '../../../package.json';
import type { RunConfig } from '../../protocol/run_config.ts';
import type { Environment } from '../runs/identity.ts';
import { RUNTIME_VERSION } from '../runtime/devices.ts';
import { chooseDevice } from './run_setup.ts';

export const PACKAGE_VERSION: string = version;

export function currentEnvironment({ device, threads }: Pick<RunConfig, 'device' | 'threads'>): Environment {
  return {
    device: chooseDevice(device),
    threads: threads === 0 ? availableParallelism() : threads,
    packageVersion: PACKAGE_VERSION,
    onnxruntimeVersion: RUNTIME_VERSION,
  };
}
