/**
 * The engine process: `engine --socket SOCKET --record WORKSPACE/.latro/engine.json`, started detached by the extension. What it
 * prints is the log. `engine --probe DEVICE` only tries a device.
 */
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../common/clock.ts';
import { LatroError } from '../common/errors.ts';
import { NodeFileSystem } from '../common/file_system.ts';
import { systemDevices, trialReport } from '../model/device_trial.ts';
import { systemProcesses } from '../runs/processes.ts';
import { DeviceList } from '../runtime/devices.ts';
import type { Device } from '../runtime/session.ts';
import { PACKAGE_VERSION } from '../training/environment.ts';
import { runEngineProcess } from './engine_process.ts';
import { StudioService } from './studio_service.ts';

const log = (message: string): void => {
  process.stdout.write(`${systemClock.iso()} ${message}\n`);
};

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const { socket, record, probe } = parseArgs({ options: { socket: text, record: text, probe: text } }).values;
  if (probe !== undefined) {
    process.stdout.write(await trialReport(probe as Device));
    return;
  }
  if (socket === undefined || record === undefined) {
    throw new LatroError('bad-request', 'The engine needs --socket and --record.', 'Start it from VS Code.');
  }
  const world = { files: new NodeFileSystem(), clock: systemClock, processes: systemProcesses };
  const workspace = dirname(dirname(record));
  const program = process.argv[1] ?? '';
  const devices = new DeviceList(systemDevices((device) => [program, '--probe', device]));
  const service = new StudioService({ world, devices, workspace, threads: 0, environment: process.env, log });
  await runEngineProcess({ service, socket, recordFile: record, engineVersion: PACKAGE_VERSION, log });
}

main().then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`${error instanceof LatroError ? error.message : error.stack}\n`);
    process.exit(1);
  },
);
