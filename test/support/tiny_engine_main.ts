/** The tiny engine as a process, started exactly as the real one is. */
import { parseArgs } from 'node:util';
import { runEngineProcess } from '../../src/engine/server/engine_process.ts';
import { TinyEngineService } from './tiny_engine_service.ts';

const { values } = parseArgs({ options: { socket: { type: 'string' }, record: { type: 'string' } } });
const number = (name: string, otherwise: number) => Number(process.env[name] ?? otherwise);

runEngineProcess({
  service: new TinyEngineService(number('TINY_STEP_MILLISECONDS', 50)),
  socket: values.socket ?? '',
  recordFile: values.record ?? '',
  engineVersion: process.env.TINY_ENGINE_VERSION ?? '0.1.0',
  idleMilliseconds: number('TINY_IDLE_MILLISECONDS', 60_000),
  log: (message) => console.log(message),
}).then(
  () => process.exit(0),
  (error: Error) => {
    console.error(error.message);
    process.exit(1);
  },
);
