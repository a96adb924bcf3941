/** `latro devices --install cuda`: what onnxruntime's own installer makes of the environment it is given. */
import { strict as assert } from 'node:assert';
import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { installerEnvironment } from '../../src/cli/install_device.ts';

const ROOT = join(import.meta.dirname, '../..');
const utilities = createRequire(import.meta.url).resolve('onnxruntime-node/script/install-utils.js');
/** What it would install; false: nothing, and it ends as if that were a success. */
const wouldInstall = (env: NodeJS.ProcessEnv): unknown => {
  const script = `console.log(JSON.stringify(require(${JSON.stringify(utilities)}).parseInstallFlag()))`;
  return JSON.parse(execFileSync(process.execPath, ['-e', script], { env, encoding: 'utf8' }));
};

describe('the installer of CUDA libraries', () => {
  // Those that npm makes of an .npmrc, and that people set.
  for (const name of ['npm_config_onnxruntime_node_install', 'ONNXRUNTIME_NODE_INSTALL']) {
    it(`installs where ${name} tells it to skip`, () => {
      const skipping = { ...process.env, [name]: 'skip' };
      assert.equal(wouldInstall(skipping), false);
      assert.equal(wouldInstall(installerEnvironment(skipping)), true);
    });
  }

  it('is not started by the installation of this project, by settings that every npm knows', () => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_config_/i.test(name)));
    const npm = spawnSync('npm config get ignore-scripts', { cwd: ROOT, env, encoding: 'utf8', shell: true });
    assert.equal(npm.stdout.trim(), 'true', npm.stderr);
    assert.doesNotMatch(npm.stderr, /unknown/i);
  });
});
