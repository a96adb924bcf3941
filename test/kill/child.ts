/** The process that dies: `child.ts STORE [CALL]` trains a run in STORE and, given CALL, ends itself in that file-system call. */
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { FaultyFileSystem } from '../support/faulty_file_system.ts';
import { train } from './subject.ts';

const [store, call] = process.argv.slice(2) as [string, string | undefined];
const files = new FaultyFileSystem(
  new NodeFileSystem(),
  call === undefined ? null : { at: Number(call), kind: 'kill' },
);
process.stdout.write('started\n');
await train(files, store);
process.stdout.write(`calls ${files.calls}\n`);
