#!/usr/bin/env node
/** The `latro` command line. */
import { systemClock } from '../engine/common/clock.ts';
import { NodeFileSystem } from '../engine/common/file_system.ts';
import { systemDevices } from '../engine/model/device_trial.ts';
import { systemProcesses } from '../engine/runs/processes.ts';
import { DeviceList } from '../engine/runtime/devices.ts';
import { runCommandLine } from './command_line.ts';
import { listenForInterrupts } from './interrupts.ts';
import { Terminal } from './terminal.ts';

const { stdout, stderr, env } = process;
// Whoever reads the output may have enough of it: `latro score … | head`.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  if (error.code !== 'EIO') throw error;
});
// Notes that nobody reads are no reason to end a run: its terminal was closed, or what they were piped into has ended.
stderr.on('error', () => {});
const terminal = new Terminal({ stdout, stderr, env, clock: systemClock });
void runCommandLine(process.argv.slice(2), {
  terminal,
  world: { files: new NodeFileSystem(), clock: systemClock, processes: systemProcesses },
  devices: new DeviceList(systemDevices((device) => [process.argv[1] ?? '', 'devices', '--probe', device])),
  program: [...process.execArgv, process.argv[1] ?? ''],
  signal: listenForInterrupts(process, terminal),
  cwd: process.cwd(),
  env,
}).then((code) => {
  process.exitCode = code;
});
