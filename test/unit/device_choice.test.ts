/** Which device a model computes on: what is asked for, what is there, and what is faster. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import type { ErrorCode } from '../../src/engine/common/errors.ts';
import { saveModelFolder } from '../../src/engine/model/model_folder.ts';
import type { DeviceList } from '../../src/engine/runtime/devices.ts';
import type { Device } from '../../src/engine/runtime/session.ts';
import { choosePrecision, type PrecisionRequest } from '../../src/engine/training/choose_precision.ts';
import { chooseEnvironment } from '../../src/engine/training/environment.ts';
import { devicesOf } from '../support/device_lists.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { temporaryFolder, tinyConfigJson, writeTinyModel } from '../support/model_fixtures.ts';

describe('the choice of a device', () => {
  it('auto takes one that keeps weights in its memory, and leaves those that are handed them in every run to be named', async () => {
    const tried: Device[] = [];
    const devices = devicesOf({ cpu: 100, webgpu: 900, cuda: 1500, dml: 1500, coreml: 1500 }, { tried });
    assert.equal(await devices.choose('auto'), 'webgpu');
    assert.deepEqual(tried, ['webgpu', 'cpu']);
    for (const device of ['cuda', 'dml', 'coreml'] as const) {
      assert.equal(await devices.choose(device), device);
      assert.equal(await devicesOf({ cpu: 100, webgpu: 'no adapter', [device]: 1500 }).choose('auto'), 'cpu');
    }
  });

  it('auto stays on the CPU where nothing else computes, or not twice as fast', async () => {
    assert.equal(await devicesOf({ cpu: 100, webgpu: 199 }).choose('auto'), 'cpu');
    assert.equal(await devicesOf({ cpu: 100, webgpu: 'no adapter', dml: 'no adapter' }).choose('auto'), 'cpu');
    assert.equal(await devicesOf({ cpu: 100, webgpu: 200 }).choose('auto'), 'webgpu');
  });

  it('tries nothing for auto on a machine without a graphics card, nor for cpu, and no device twice', async () => {
    const tried: Device[] = [];
    assert.equal(await devicesOf({ cpu: 100, webgpu: 900 }, { hasGraphicsCard: false, tried }).choose('auto'), 'cpu');
    const there = devicesOf({ cpu: 100, webgpu: 900 }, { tried });
    assert.equal(await there.choose('cpu'), 'cpu');
    assert.deepEqual(tried, []);
    await there.choose('webgpu');
    await there.choose('auto');
    await there.choose('auto');
    assert.deepEqual(tried, ['webgpu', 'cpu']);
  });

  it('a device asked for by name is taken however slow it is', async () => {
    assert.equal(await devicesOf({ cpu: 100, webgpu: 3 }, { hasGraphicsCard: false }).choose('webgpu'), 'webgpu');
  });

  it('a device that this platform does not have is refused, with those it has', async () => {
    const error = await expectLatroError(
      () => devicesOf({ cpu: 100, webgpu: 'x' }).choose('coreml'),
      'device-unavailable',
    );
    assert.match(error.reason, /no device 'coreml' on .+; it has cpu, webgpu\.$/);
  });

  it('one that does not compute is refused, with the reason and what would help', async () => {
    const devices = devicesOf({ cpu: 100, webgpu: 'no adapter was found', cuda: 'libcudart.so.12 is missing' });
    const webgpu = await expectLatroError(() => devices.choose('webgpu'), 'device-unavailable');
    assert.match(webgpu.reason, /no adapter was found/);
    assert.doesNotMatch(webgpu.nextStep, /--install/);
    const cuda = await expectLatroError(() => devices.choose('cuda'), 'device-unavailable');
    assert.match(cuda.nextStep, /latro devices --install cuda/);
  });
});

const OPEN = {
  device: 'auto',
  threads: 1,
  precision: 'auto',
  model: '/no/such/folder',
  trainable: { kind: 'full' },
} as const;
const LORA = {
  kind: 'lora',
  rank: 2,
  alpha: 4,
  dropout: 0,
  targets: 'all-linear',
  rslora: false,
} as const;
const ranOn = (device: string, precision: string | null = null) => ({ device, precision });

describe('the device of a resumed run', () => {
  it('is the one it ran on, where that still computes', async () => {
    const devices = devicesOf({ cpu: 100, webgpu: 900 });
    assert.equal((await chooseEnvironment(devices, OPEN)).device, 'webgpu');
    assert.equal((await chooseEnvironment(devices, OPEN, ranOn('cpu'))).device, 'cpu');
    assert.equal((await chooseEnvironment(devices, OPEN, ranOn('webgpu'))).device, 'webgpu');
  });

  it('is chosen anew where it does not, and by the config where that names one', async () => {
    const devices = devicesOf({ cpu: 100, webgpu: 900, cuda: 'gone' });
    assert.equal((await chooseEnvironment(devices, OPEN, ranOn('cuda'))).device, 'webgpu');
    assert.equal((await chooseEnvironment(devices, OPEN, ranOn('a device of another platform'))).device, 'webgpu');
    assert.equal((await chooseEnvironment(devices, { ...OPEN, device: 'cpu' }, ranOn('webgpu'))).device, 'cpu');
  });
});

describe('the precision', () => {
  const folder = temporaryFolder();
  const stored = { F32: '', F16: '', BF16: '' };
  before(async () => {
    for (const dtype of ['F32', 'F16', 'BF16'] as const) stored[dtype] = join(folder.path, dtype);
    const weights = await writeTinyModel(stored.F32, tinyConfigJson('llama'));
    for (const dtype of ['F16', 'BF16'] as const) await saveModelFolder(stored[dtype], stored.F32, weights, dtype);
  });
  const some = (asked: PrecisionRequest['asked'], model: string): PrecisionRequest => ({
    asked,
    trains: 'some',
    model,
  });
  const FAST = devicesOf({ cpu: 100, webgpu: 900 }, { float16: { webgpu: { gflops: 1500, sums: 'float32' } } });
  const SLOW = devicesOf({ cpu: 100, webgpu: 900 }, { float16: { webgpu: { gflops: 1200, sums: 'float32' } } });
  const COARSE = devicesOf({ cpu: 100, webgpu: 900 }, { float16: { webgpu: { gflops: 1500, sums: 'float16' } } });
  const NONE = devicesOf({ cpu: 100, webgpu: 900 });

  it('left open is float16 for what is stored in half precision, where the device multiplies it 1.5 times as fast and sums it in float32', async () => {
    for (const [devices, model, expected] of [
      [FAST, stored.F16, 'float16'],
      [FAST, stored.BF16, 'float16'],
      [FAST, stored.F32, 'float32'],
      [SLOW, stored.F16, 'float32'],
      [COARSE, stored.F16, 'float32'],
      [NONE, stored.F16, 'float32'],
    ] as const)
      assert.equal(await choosePrecision(devices, 'webgpu', some('auto', model)), expected);
    assert.equal(await choosePrecision(FAST, 'cpu', some('auto', stored.F16)), 'float32');
    const full = { asked: 'auto', trains: 'all-weights', model: stored.F16 } as const;
    assert.equal(await choosePrecision(FAST, 'webgpu', full), 'float32');
  });

  it('of a resumed run stays as it was, where the device has it', async () => {
    const open = some('auto', stored.F16);
    assert.equal(await choosePrecision(FAST, 'webgpu', open, 'float32'), 'float32');
    assert.equal(await choosePrecision(SLOW, 'webgpu', open, 'float16'), 'float16');
    assert.equal(await choosePrecision(NONE, 'webgpu', open, 'float16'), 'float32');
    const config = { ...OPEN, trainable: LORA, model: stored.F16 };
    assert.equal((await chooseEnvironment(FAST, config, ranOn('webgpu', 'float32'))).precision, 'float32');
    assert.equal((await chooseEnvironment(FAST, config, ranOn('cpu'))).precision, 'float32');
    assert.equal((await chooseEnvironment(FAST, config)).precision, 'float16');
  });

  it('asked for by name is taken, or refused with the reason and what would help', async () => {
    assert.equal(await choosePrecision(SLOW, 'webgpu', some('float16', stored.F32)), 'float16');
    assert.equal(await choosePrecision(COARSE, 'webgpu', some('float16', stored.F32)), 'float16');
    assert.equal(await choosePrecision(FAST, 'webgpu', some('float32', stored.F16)), 'float32');
    const refused = async (devices: DeviceList, device: Device, request: PrecisionRequest, code: ErrorCode) =>
      expectLatroError(() => choosePrecision(devices, device, request), code);
    const half = some('float16', stored.F16);
    assert.match((await refused(FAST, 'cpu', half, 'device-unavailable')).nextStep, /'float32', 'int8' or 'auto'/);
    const bytes = some('int8', stored.F32);
    assert.equal(await choosePrecision(FAST, 'cpu', bytes), 'int8');
    assert.match((await refused(FAST, 'webgpu', bytes, 'device-unavailable')).nextStep, /the device to 'cpu'/);
    assert.match(
      (await refused(FAST, 'cpu', { ...bytes, trains: 'all-weights' }, 'bad-request')).reason,
      /steps that int8 would lose/,
    );
    assert.match(
      (await refused(NONE, 'webgpu', half, 'device-unavailable')).reason,
      /'webgpu' does not compute in float16/,
    );
    const full = { ...half, trains: 'all-weights' } as const;
    assert.match((await refused(FAST, 'webgpu', full, 'bad-request')).nextStep, /train an adapter/);
  });
});
