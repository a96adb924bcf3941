/** What a model's frozen weights are held in: float32, float16 on a graphics card, or int8 on the CPU. */
import type { RunConfig } from '../../protocol/run_config.ts';
import { LatroError } from '../common/errors.ts';
import type { WeightFormat } from '../graph/precision.ts';
import { readModelConfig } from '../model/config.ts';
import { isStoredInHalf } from '../model/weights.ts';
import type { DeviceList } from '../runtime/devices.ts';
import type { Device } from '../runtime/session.ts';

/** float16 costs digits: where the choice is open, it has to multiply so many times as fast as float32. */
const WORTHWHILE = 1.5;

export interface PrecisionRequest {
  readonly asked: RunConfig['precision'];
  readonly trains: 'nothing' | 'some' | 'all-weights';
  /** Hugging Face model folder. */
  readonly model: string;
}

/**
 * 'auto' is float16 for a model that is stored in half precision, on a device that multiplies float16 at least 1.5 times as fast and sums
 * it in float32, which WebGPU (onnxruntime 1.30) does not; a resumed run keeps the precision that it had.
 * @param before what a run that goes on computed in; null: there is none, or it does not say
 * @throws LatroError `device-unavailable` for a format that the device does not have, `bad-request` for training all weights in it
 */
export async function choosePrecision(
  devices: DeviceList,
  device: Device,
  { asked, trains, model }: PrecisionRequest,
  before: string | null = null,
): Promise<WeightFormat> {
  if (asked === 'float32') return 'float32';
  if (trains === 'all-weights') {
    if (asked === 'auto') return 'float32';
    throw new LatroError(
      'bad-request',
      `Full fine-tuning changes every weight, by steps that ${asked} would lose.`,
      "Set precision to 'float32' or 'auto', or train an adapter.",
    );
  }
  if (device === 'cpu') {
    if (asked === 'auto') return 'float32';
    if (asked === 'int8') return 'int8';
    throw new LatroError(
      'device-unavailable',
      'The CPU does not compute in float16.',
      "Set precision to 'float32', 'int8' or 'auto', or choose a graphics card: latro devices lists what is there.",
    );
  }
  if (asked === 'int8')
    throw new LatroError(
      'device-unavailable',
      `Weights of 8 bits are for the CPU, not for '${device}'.`,
      "Set precision to 'float16' or 'auto', or the device to 'cpu'.",
    );
  const trial = await devices.trial(device);
  const half = trial.works ? trial.float16 : null;
  if (asked === 'float16') {
    if (half !== null) return 'float16';
    throw new LatroError(
      'device-unavailable',
      `The device '${device}' does not compute in float16 here.`,
      "Set precision to 'float32' or 'auto'.",
    );
  }
  if (half === null || !trial.works || before === 'float32') return 'float32';
  if (before === 'float16') return 'float16';
  if (half.sums === 'float16' || half.gflops < WORTHWHILE * trial.gflops) return 'float32';
  return (await isStoredInHalf(model, await readModelConfig(model))) ? 'float16' : 'float32';
}
