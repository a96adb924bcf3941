/**
 * The life of an engine process: it listens, says in `engine.json` where, outlives the window that started it, and ends when it is told
 * to or when nobody has needed it for a while.
 */
import { randomBytes } from 'node:crypto';
import { rm, rmdir } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { readEngineRecord, removeDeadSocket, writeEngineRecord } from '../../protocol/engine_record.ts';
import { PROTOCOL_VERSION } from '../../protocol/engine_rpc.ts';
import { LatroError } from '../common/errors.ts';
import { EngineServer, type StopReason } from './engine_server.ts';
import type { EngineService } from './engine_service.ts';

export interface EngineProcessOptions {
  readonly service: EngineService;
  readonly socket: string;
  /** `<workspace>/.latro/engine.json`. */
  readonly recordFile: string;
  readonly engineVersion: string;
  /** Ends the process after this long without clients and jobs; 10 minutes by default. */
  readonly idleMilliseconds?: number;
  readonly log: (message: string) => void;
}

/** Runs until the engine is told to end or has been idle. Rejects when this workspace has a living engine already. */
export async function runEngineProcess(options: EngineProcessOptions): Promise<void> {
  const { service, socket, recordFile, engineVersion, idleMilliseconds = 600_000, log } = options;
  await refuseSecondEngine(recordFile);

  let stop: (reason: StopReason) => void = () => {};
  const stopped = new Promise<StopReason>((resolve) => {
    stop = resolve;
  });
  let idleTimer: NodeJS.Timeout | undefined;
  const restartIdleTimer = () => {
    clearTimeout(idleTimer);
    if (server.idle) idleTimer = setTimeout(() => stop('idle'), idleMilliseconds);
  };
  const token = randomBytes(32).toString('hex');
  const server = new EngineServer({
    service,
    token,
    engineVersion,
    clock: () => new Date(),
    log,
    onActivity: restartIdleTimer,
    onShutdown: () => stop('shutdown'),
  });
  await server.listen(socket);
  await writeEngineRecord(recordFile, {
    pid: process.pid,
    startTime: new Date().toISOString(),
    socket,
    engineVersion,
    protocolVersion: PROTOCOL_VERSION,
    token,
  });
  log(`engine ${engineVersion}, process ${process.pid}, is ready`);
  restartIdleTimer();
  const onSignal = () => stop('signal');
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);

  const reason = await stopped;
  log(`engine ends: ${reason}`);
  clearTimeout(idleTimer);
  process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
  await server.close(reason);
  // A successor may have written its own record by now.
  if ((await readEngineRecord(recordFile))?.token === token) await rm(recordFile, { force: true });
  // The folder that was made for the socket alone; any other is not empty and stays.
  if (process.platform !== 'win32') await rmdir(path.dirname(socket)).catch(() => {});
}

async function refuseSecondEngine(recordFile: string): Promise<void> {
  const record = await readEngineRecord(recordFile);
  if (record === undefined) return;
  if (await accepts(record.socket)) {
    throw new LatroError('bad-request', `Process ${record.pid} is this workspace's engine already.`, 'Connect to it.');
  }
  await removeDeadSocket(record.socket); // it was killed
}

/** True when somebody listens. A process too busy to answer still counts: the system accepts connections on its behalf. */
function accepts(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
