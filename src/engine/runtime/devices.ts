/** What this build of onnxruntime brings along. Whether a device is really there, only starting a program on it tells. */
import * as ort from 'onnxruntime-node';
import type { Device } from './session.ts';

export const RUNTIME_VERSION: string | null = ort.env.versions.node ?? null;

export interface Backend {
  readonly device: Device;
  /** False: its libraries are not part of the package and have to be installed. */
  readonly bundled: boolean;
}

/** The devices that this build knows on this operating system. */
export function listBackends(): Backend[] {
  const devices: readonly Device[] = ['cpu', 'webgpu', 'cuda', 'dml'];
  const known = ort.listSupportedBackends();
  return devices.flatMap((device) => {
    const backend = known.find(({ name }) => name === device);
    return backend === undefined ? [] : [{ device, bundled: backend.bundled }];
  });
}
