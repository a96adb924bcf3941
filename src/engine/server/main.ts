/**
 * The engine process: `engine --socket SOCKET --record WORKSPACE/.latro/engine.json`, started detached by the extension. What it
 * prints is the log.
 */
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../common/clock.ts';
import { LatroError } from '../common/errors.ts';
import { NodeFileSystem } from '../common/file_system.ts';
import { systemProcesses } from '../runs/processes.ts';
import { PACKAGE_VERSION } from '../training/environment.ts';
import { runEngineProcess } from './engine_process.ts';
import { StudioService } from './studio_service.ts';

const log = (message: string): void => {
  process.stdout.write(`${systemClock.iso()} ${message}\n`);
};

async function main(): Promise<void> {
  const { socket, record } = parseArgs({ options: { socket: { type: 'string' }, record: { type: 'string' } } }).values;
  if (socket === undefined || record === undefined) {
    throw new LatroError('bad-request', 'The engine needs --socket and --record.', 'Start it from VS Code.');
  }
  const world = { files: new NodeFileSystem(), clock: systemClock, processes: systemProcesses };
  const workspace = dirname(dirname(record));
  const service = new StudioService({ world, workspace, threads: 0, environment: process.env, log });
  await runEngineProcess({ service, socket, recordFile: record, engineVersion: PACKAGE_VERSION, log });
}

main().then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`${error instanceof LatroError ? error.message : error.stack}\n`);
    process.exit(1);
  },
);
