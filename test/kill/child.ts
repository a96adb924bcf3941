/** The process that dies: `child PROJECT STORE [CALL]` trains the run in STORE and, given CALL, ends itself in that file-system call. */
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { FaultyFileSystem } from '../support/faulty_file_system.ts';
import { trainOrResume } from './subject.ts';

const [project, store, call] = process.argv.slice(2) as [string, string, string | undefined];
const files = new FaultyFileSystem(
  new NodeFileSystem(),
  call === undefined ? null : { at: Number(call), kind: 'kill' },
);
process.stdout.write('started\n');
trainOrResume(files, project, store).then(() => process.stdout.write(`calls ${files.calls}\n`));
