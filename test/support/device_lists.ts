/** Lists of devices for tests: what is there is said, not found. */
import { DeviceList, type DeviceTrial, type HalfTrial } from '../../src/engine/runtime/devices.ts';
import type { Device } from '../../src/engine/runtime/session.ts';

/** A machine whose devices multiply at these rates (GFLOP/s); a text says why one does not. `tried` collects which were tried. */
export function devicesOf(
  trials: Partial<Readonly<Record<Device, number | string>>>,
  { hasGraphicsCard = true, tried = [] as Device[], float16 = {} as Partial<Record<Device, HalfTrial>> } = {},
): DeviceList {
  const backends = (Object.keys(trials) as Device[]).map((device) => ({ device, bundled: device !== 'cuda' }));
  return new DeviceList({
    backends,
    hasGraphicsCard,
    tryDevice: async (device): Promise<DeviceTrial> => {
      tried.push(device);
      const found = trials[device];
      if (typeof found === 'number') return { works: true, gflops: found, float16: float16[device] ?? null };
      return { works: false, reason: found ?? 'no such device' };
    },
  });
}

export const CPU_ALONE = devicesOf({ cpu: 100 }, { hasGraphicsCard: false });
