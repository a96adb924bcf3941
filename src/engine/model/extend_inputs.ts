/** From new tokens and the cache they extend to the inputs of `extend` and `extend-score`, on the host or on a device. */
import type { DeviceTensor } from '../runtime/device_tensor.ts';
import type { HostTensor } from '../runtime/session.ts';
import type { ModelConfig } from './config.ts';
import { DeviceKeyValueCache } from './device_cache.ts';
import { freshOutputs, type KeyValueCache } from './kv_cache.ts';

export type Cache = KeyValueCache | DeviceKeyValueCache;

export interface ExtendInputs {
  readonly inputs: Readonly<Record<string, HostTensor | DeviceTensor>>;
  /** T: the most new tokens of a row. */
  readonly width: number;
  /** Of the flat tokens, (rows · width). */
  readonly positions: Int32Array;
  /** Names of outputs with the new keys and values, where the host appends them to its cache. */
  readonly outputs: readonly string[];
  /** Where the cache of a device is written to. */
  readonly into: Readonly<Record<string, DeviceTensor>>;
}

const UNSEEN = -1e9;

/** @param fresh new tokens per row, at least one each */
export async function extendInputs(
  config: ModelConfig,
  cache: Cache,
  fresh: readonly (readonly number[])[],
): Promise<ExtendInputs> {
  const count = fresh.length;
  const width = Math.max(...fresh.map((tokens) => tokens.length));
  const onDevice = cache instanceof DeviceKeyValueCache;
  if (onDevice) await cache.reserve(Math.max(...cache.lengths) + width);

  // On the host the new columns follow the whole cache; on a device they take their places within it.
  const columns = onDevice ? cache.capacity : cache.capacity + width;
  const firstFresh = (past: number): number => (onDevice ? past : cache.capacity);
  const ids = new BigInt64Array(count * width);
  const positions = new Int32Array(count * width);
  const bias = new Float32Array(count * width * columns).fill(UNSEEN);
  const reach = config.slidingWindow ?? Number.POSITIVE_INFINITY;
  fresh.forEach((tokens, row) => {
    const past = cache.lengths[row]!;
    for (let t = 0; t < width; t++) {
      ids[row * width + t] = BigInt(tokens[t] ?? 0);
      positions[row * width + t] = past + t;
      const start = (row * width + t) * columns;
      const first = Math.max(0, past + t - reach + 1);
      if (first < past) bias.fill(0, start + first, start + past);
      const own = start + firstFresh(past);
      bias.fill(0, own + Math.max(0, t - reach + 1), own + t + 1);
    }
  });
  return {
    inputs: {
      ...cache.inputs,
      ids: { shape: [count, width], data: ids },
      bias: { shape: [count, 1, 1, width, columns], data: bias },
      ...(onDevice ? { places: cache.places(width) } : {}),
    },
    width,
    positions,
    outputs: onDevice ? [] : freshOutputs(config),
    into: onDevice ? cache.outputs : {},
  };
}
