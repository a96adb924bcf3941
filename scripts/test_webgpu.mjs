// The WebGPU tests: parity with the CPU and a small LaTRO run.
//   node scripts/test_webgpu.mjs [--own-driver]
// On Linux they run on the software Vulkan driver (SwiftShader) that Chromium brings along, so that no GPU is needed and the numbers are
// the same everywhere, and those of float16 on Mesa's; --own-driver, and always on other systems: on the machine's own GPU. Without any
// driver they are skipped, unless --own-driver or LATRO_REQUIRE_DEVICE=1 says that there is one.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { lavapipeEnvironment } from './setup_lavapipe.mjs';
import { findChromium } from './setup_vscode.mjs';
import { tool } from './tools.mjs';

const DRIVER = 'vk_swiftshader_icd.json';
const LOADER = 'libvulkan.so.1';

/** The folder of a Chromium-family browser that has both the driver and Vulkan's loader, or undefined. */
async function softwareDriver() {
  const browser = await findChromium();
  const folders = [
    ...(browser ? [path.dirname(browser)] : []),
    // Where distributions keep the program that /usr/bin/chromium starts.
    ...['/usr/lib/chromium', '/usr/lib/chromium-browser', '/usr/lib64/chromium-browser', '/opt/google/chrome'],
  ];
  return folders.find((folder) => [DRIVER, LOADER].every((file) => existsSync(path.join(folder, file))));
}

/** Environment in which onnxruntime's WebGPU provider finds a driver; undefined where there is none to be had. */
export async function webgpuEnvironment(ownDriver, findDriver = softwareDriver) {
  const env = { ...process.env, LATRO_TEST_DEVICE: 'webgpu', ...(ownDriver && { LATRO_REQUIRE_DEVICE: '1' }) };
  if (process.platform !== 'linux' || ownDriver) return env;
  const folder = await findDriver();
  if (folder === undefined) return undefined;
  // The provider loads the loader by name: the folder has to be searched before the process starts.
  const libraries = [folder, ...(process.env.LD_LIBRARY_PATH ? [process.env.LD_LIBRARY_PATH] : [])].join(':');
  return { ...env, VK_DRIVER_FILES: path.join(folder, DRIVER), LD_LIBRARY_PATH: libraries };
}

/** Runs the tests; resolves with their exit code, null when all of them are skipped. */
export async function testWebgpu({ ownDriver = false, onLine, reporter = 'spec', minutes, findDriver } = {}) {
  const say = onLine ?? console.log;
  const mocha = (files, env) =>
    tool('mocha/bin/mocha.js', ['--import=tsx', '--timeout=900000', `--reporter=${reporter}`, ...files], {
      env,
      ...(onLine && { onLine }),
      minutes,
    });
  const env = await webgpuEnvironment(ownDriver, findDriver);
  if (env === undefined) {
    const reason = `no Chromium with ${DRIVER} was found (npm run test:host installs one).`;
    if (process.env.LATRO_REQUIRE_DEVICE === '1') {
      say(`  WebGPU tests failed: ${reason}`);
      return 1;
    }
    say(`  WebGPU tests skipped: ${reason}`);
    return null;
  }
  const whole = ['programs', 'training'].map((name) => `test/webgpu/${name}.test.ts`);
  const half = 'test/webgpu/float16.test.ts';
  const gradients = 'test/unit/graph_gradients.test.ts';
  if (ownDriver || process.platform !== 'linux') return mocha([...whole, half, gradients], env);
  const code = await mocha([...whole, gradients], env);
  const withFloat16 = await lavapipeEnvironment(say);
  if (withFloat16 !== undefined) return Math.max(code, await mocha([half], { ...env, ...withFloat16 }));
  say("  float16 tests skipped: Chromium's driver has no float16, and Mesa's, which has, is not there.");
  return code;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  process.exitCode = (await testWebgpu({ ownDriver: process.argv.includes('--own-driver') })) ?? 0;
