/** Libraries of a device that onnxruntime-node does not bring along: CUDA's on Linux x64. Fetched only when asked for. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { LatroError } from '../engine/common/errors.ts';
import { RUNTIME_VERSION } from '../engine/runtime/devices.ts';
import type { Device } from '../engine/runtime/session.ts';
import { badRequest } from './arguments.ts';
import type { CommandContext } from './command.ts';

/** What onnxruntime's installer puts beside its own library. */
const LIBRARIES = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];

/**
 * The environment for onnxruntime's installer to do what it is started for. A setting that skips it, such as npm hands down from an .npmrc
 * to what it runs, goes before its arguments; and a name ("cuda12") it takes for no setting, upon which it does nothing below npm (1.30.0).
 * Either way it ends as if it had succeeded.
 */
export function installerEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, ONNXRUNTIME_NODE_INSTALL: 'true' };
}

/**
 * Runs the installer of onnxruntime-node, which takes the package of its own version from nuget.org over https and compares no hash: what it
 * has put there is said with its size and SHA-256.
 * @throws LatroError `bad-request` for a device with nothing to install, `download-failed`
 */
export async function installDevice(device: Device, { terminal, devices, env }: CommandContext): Promise<void> {
  if (devices.backends.find((backend) => backend.device === device)?.bundled !== false)
    throw badRequest(
      `The libraries of the device "${device}" are part of the package.`,
      'There is nothing to install.',
    );
  const folder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const script = join(folder, 'script', 'install.js');
  const failed = (reason: string): LatroError =>
    new LatroError(
      'download-failed',
      reason,
      'Look at what it says above; it needs an npm installation of LaTRO Studio and access to nuget.org.',
    );
  terminal.note(`Fetching the ${device} libraries of onnxruntime ${RUNTIME_VERSION ?? ''} from nuget.org …`);
  const code = await new Promise<number>((done) => {
    const child = spawn(process.execPath, [script], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: installerEnvironment(env),
    });
    child.once('error', () => done(1));
    child.once('close', (status) => done(status ?? 1));
  });
  if (code !== 0) throw failed(`onnxruntime's installer, ${script}, ended with ${code}.`);
  for (const name of LIBRARIES) {
    const path = join(folder, 'bin', 'napi-v6', process.platform, process.arch, name);
    const found = await stat(path).catch(() => null);
    if (found === null) throw failed(`onnxruntime's installer, ${script}, did not bring ${name}.`);
    terminal.note(`${name}: ${(found.size / 1e6).toFixed(0)} MB, SHA-256 ${await sha256(path)}`);
  }
  const trial = await devices.trial(device);
  terminal.out(trial.works ? `${device} works.` : `Installed, but ${device} does not compute here: ${trial.reason}.`);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}
