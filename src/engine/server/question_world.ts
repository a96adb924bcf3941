/** What answering a client's question needs of the world. */
import type { Clock } from '../common/clock.ts';
import type { FileSystem } from '../common/file_system.ts';
import type { DeviceList } from '../runtime/devices.ts';
import type { PolicyCache } from './policy_cache.ts';

export interface QuestionWorld {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly policies: PolicyCache;
  readonly devices: DeviceList;
  /** CPU threads of a model without a run; 0: one per core. */
  readonly threads: number;
}
