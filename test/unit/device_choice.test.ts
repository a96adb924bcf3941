/** Which device a model computes on: what is asked for, what is there, and what is faster. */
import { strict as assert } from 'node:assert';
import type { Device } from '../../src/engine/runtime/session.ts';
import { chooseEnvironment } from '../../src/engine/training/environment.ts';
import { devicesOf } from '../support/device_lists.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';

describe('the choice of a device', () => {
  it('auto takes the fastest that is worth it', async () => {
    assert.equal(await devicesOf({ cpu: 100, webgpu: 900, cuda: 1500 }).choose('auto'), 'cuda');
    assert.equal(await devicesOf({ cpu: 100, webgpu: 900, cuda: 'no CUDA library' }).choose('auto'), 'webgpu');
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

describe('the device of a resumed run', () => {
  const auto = { device: 'auto', threads: 1 } as const;

  it('is the one it ran on, where that still computes', async () => {
    const devices = devicesOf({ cpu: 100, webgpu: 900 });
    assert.equal((await chooseEnvironment(devices, auto)).device, 'webgpu');
    assert.equal((await chooseEnvironment(devices, auto, 'cpu')).device, 'cpu');
    assert.equal((await chooseEnvironment(devices, auto, 'webgpu')).device, 'webgpu');
  });

  it('is chosen anew where it does not, and by the config where that names one', async () => {
    const devices = devicesOf({ cpu: 100, webgpu: 900, cuda: 'gone' });
    assert.equal((await chooseEnvironment(devices, auto, 'cuda')).device, 'webgpu');
    assert.equal((await chooseEnvironment(devices, auto, 'a device of another platform')).device, 'webgpu');
    assert.equal((await chooseEnvironment(devices, { ...auto, device: 'cpu' }, 'webgpu')).device, 'cpu');
  });
});
