/** `latro devices --install cuda`: what onnxruntime's own installer makes of the environment it is given. */
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { installerEnvironment } from '../../src/cli/install_device.ts';

const utilities = createRequire(import.meta.url).resolve('onnxruntime-node/script/install-utils.js');
/** What it would install; false: nothing, and it ends as if that were a success. */
const wouldInstall = (env: NodeJS.ProcessEnv): unknown => {
  const script = `console.log(JSON.stringify(require(${JSON.stringify(utilities)}).parseInstallFlag()))`;
  return JSON.parse(execFileSync(process.execPath, ['-e', script], { env, encoding: 'utf8' }));
};

describe('the installer of CUDA libraries', () => {
  // Those that npm makes of this project's .npmrc, and that people set.
  for (const name of ['npm_config_onnxruntime_node_install', 'ONNXRUNTIME_NODE_INSTALL']) {
    it(`installs where ${name} tells it to skip`, () => {
      const skipping = { ...process.env, [name]: 'skip' };
      assert.equal(wouldInstall(skipping), false);
      assert.equal(wouldInstall(installerEnvironment(skipping)), true);
    });
  }
});
