/** `latro` as a process of its own: signals, pipes and exit codes. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listenForInterrupts } from '../../src/cli/interrupts.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { latroProgram } from '../support/command_line.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { tinyQuestions, writeTinyFolder } from '../support/tiny_folder.ts';

describe('the latro process', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();

  const start = (...argv: string[]): ChildProcess => {
    const child = spawn(process.execPath, [...latroProgram(), ...argv], { cwd: folder.path, stdio: 'pipe' });
    children.push(child);
    return child;
  };
  const children: ChildProcess[] = [];
  after(() => {
    for (const child of children) child.kill('SIGKILL');
  });
  const collect = (stream: NodeJS.ReadableStream | null): { text: string } => {
    const collected = { text: '' };
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      collected.text += chunk;
    });
    return collected;
  };
  const ended = async (child: ChildProcess): Promise<number | null> =>
    ((await once(child, 'close')) as [number | null])[0];

  before(async () => {
    await writeTinyFolder(join(folder.path, 'model'));
    await writeFile(join(folder.path, 'train.jsonl'), tinyQuestions(12));
    const config = {
      model: 'model',
      dataset: { train: 'train.jsonl', format: 'starter', holdOutFraction: 0 },
      steps: 100_000,
      questionsPerStep: 2,
      sampling: { rationalesPerQuestion: 2, maxRationaleTokens: 8 },
      evaluation: { k: 0, maxTokens: 8 },
      checkpoints: { every: 1000 },
      threads: 1,
    };
    await writeFile(join(folder.path, 'latro.json'), JSON.stringify(config));
  });

  it('saves and stops on the first Ctrl+C: what was done can be resumed', async function () {
    // Windows has no signals: there a child cannot be asked, only ended.
    if (process.platform === 'win32') this.skip();
    const child = start('train', 'latro.json', '--out', 'runs');
    const stderr = collect(child.stderr);
    const closed = ended(child);
    const run = await firstRun(join(folder.path, 'runs'));
    await eventually(async () => (await run.rolloutSteps()).length >= 2);
    child.kill('SIGINT');
    assert.equal(await closed, 130, stderr.text);
    const record = await run.record();
    assert.equal(record.status, 'stopped');
    assert.ok(record.step >= 2);
    const checkpoint = await run.checkpoints.verify(record.step);
    assert.ok(checkpoint !== null && !('reason' in checkpoint), 'saved although no checkpoint was due');
    assert.match(stderr.text, /Stopping: what is done is kept/);
    assert.match(stderr.text, new RegExp(`Stopped after ${record.step} updates`));
  });

  it('saves and stops when its terminal is closed, though shell and system both say so', async function () {
    if (process.platform === 'win32') this.skip();
    const child = start('train', 'latro.json', '--out', 'closed');
    const closed = ended(child);
    const run = await firstRun(join(folder.path, 'closed'));
    await eventually(async () => (await run.rolloutSteps()).length >= 2);
    child.stderr!.destroy();
    child.kill('SIGHUP');
    child.kill('SIGHUP');
    assert.equal(await closed, 130);
    const record = await run.record();
    assert.equal(record.status, 'stopped');
    const checkpoint = await run.checkpoints.verify(record.step);
    assert.ok(checkpoint !== null && !('reason' in checkpoint));
  });

  it('trains on when nobody reads its notes any more', async function () {
    if (process.platform === 'win32') this.skip();
    const child = start('train', 'latro.json', '--out', 'unread');
    const closed = ended(child);
    await once(child.stderr!, 'data');
    child.stderr!.destroy();
    child.stdout!.destroy();
    const run = await firstRun(join(folder.path, 'unread'));
    await eventually(async () => (await run.rolloutSteps()).length >= 4);
    child.kill('SIGINT');
    assert.equal(await closed, 130);
    assert.equal((await run.record()).status, 'stopped');
  });

  describe('with --detach', () => {
    it('trains in a process that goes on without it, and that can be asked to stop', async function () {
      if (process.platform === 'win32') this.skip();
      const child = start('train', 'latro.json', '--out', 'detached', '--detach', '--quiet');
      const [out, err] = [collect(child.stdout), collect(child.stderr)];
      assert.equal(await ended(child), 0, err.text);
      const run = await firstRun(join(folder.path, 'detached'));
      assert.equal(out.text, `${run.path}\n`);
      assert.equal(err.text, '');
      const { pid } = await run.record();
      try {
        const before = (await run.rolloutSteps()).length;
        await eventually(async () => (await run.rolloutSteps()).length >= before + 2);
      } finally {
        process.kill(pid!, 'SIGTERM');
      }
      await eventually(async () => (await run.record()).status !== 'running');
      assert.equal((await run.record()).status, 'stopped');
      const [log] = (await readdir(join(folder.path, 'detached'))).filter((name) => name.endsWith('.log'));
      // Its last words come after its last file.
      await eventually(async () =>
        /Stopped after \d+ updates/.test(await readFile(join(folder.path, 'detached', log!), 'utf8')),
      );
    });

    it('says what is wrong as it would without', async () => {
      const config = JSON.parse(await readFile(join(folder.path, 'latro.json'), 'utf8')) as object;
      const dataset = { train: 'broken.jsonl', format: 'starter', holdOutFraction: 0 };
      await writeFile(join(folder.path, 'broken.json'), JSON.stringify({ ...config, dataset }));
      await writeFile(join(folder.path, 'broken.jsonl'), '{"question":');
      const child = start('train', 'broken.json', '--out', 'broken', '--detach');
      const err = collect(child.stderr);
      assert.equal(await ended(child), 1);
      assert.match(err.text, /^latro: [^\n]*broken\.jsonl:1:13: [^\n]* All it said is in [^\n]*\.log\.\n$/);
    });
  });

  it('ends at once on the second, whatever is going on', () => {
    const signals = new EventEmitter();
    const codes: number[] = [];
    const notes: string[] = [];
    const fake = {
      on: signals.on.bind(signals),
      exit: (code: number) => codes.push(code),
    } as unknown as NodeJS.Process;
    const asked = listenForInterrupts(fake, { note: (line) => notes.push(line), status: () => {} });
    assert.equal(asked.aborted, false);
    signals.emit('SIGINT');
    assert.deepEqual([asked.aborted, notes.length, codes], [true, 1, []]);
    signals.emit('SIGINT');
    signals.emit('SIGTERM');
    assert.deepEqual(codes, [130, 143]);
  });

  it('writes results to stdout and everything else to stderr, and ends with 0 or 1', async () => {
    await writeFile(join(folder.path, 'rows.jsonl'), '{"ids":[1,2,3]}\n');
    const good = start('score', '--model', 'model', '--rows', 'rows.jsonl', '--threads', '1');
    const [out, err] = [collect(good.stdout), collect(good.stderr)];
    assert.equal(await ended(good), 0);
    assert.equal(out.text.split('\n').length, 2);
    assert.ok(Array.isArray((JSON.parse(out.text) as { logprobs: unknown }).logprobs));
    assert.match(err.text, /^Takes .* are free\.\nScoring: 1\/1 rows/);

    const bad = start('score', '--model', 'nowhere', '--rows', 'rows.jsonl');
    const [badOut, badErr] = [collect(bad.stdout), collect(bad.stderr)];
    assert.equal(await ended(bad), 1);
    assert.equal(badOut.text, '');
    assert.match(badErr.text, /^latro: There is no folder [^\n]*nowhere\.[^\n]*\n$/);
  });

  it('ends quietly when nobody reads on', async function () {
    if (process.platform === 'win32') this.skip();
    const row = `${JSON.stringify({ ids: Array.from({ length: 150 }, (_, i) => i + 2) })}\n`;
    await writeFile(join(folder.path, 'many.jsonl'), row.repeat(400));
    const child = start('score', '--model', 'model', '--rows', 'many.jsonl', '--threads', '1', '--quiet');
    const stderr = collect(child.stderr);
    const closed = ended(child);
    await once(child.stdout!, 'data');
    child.stdout!.destroy();
    assert.equal(await closed, 0);
    assert.equal(stderr.text, '');
  });

  it('tries devices out without falling with them', async () => {
    const child = start('devices');
    const stdout = collect(child.stdout);
    assert.equal(await ended(child), 0);
    const lines = stdout.text.trimEnd().split('\n');
    assert.match(lines[0]!, /^cpu +works, [\d.]+ GFLOP\/s +.+ threads/);
    for (const line of lines.slice(1))
      assert.match(line, /^\w+ +(works, [\d.]+ GFLOP\/s|not installed|does not work) +/);
  });
});

function firstRun(folder: string): Promise<RunDirectory> {
  return eventually(async () => {
    const [id] = await readdir(folder).catch(() => []);
    const run = id === undefined ? null : new RunDirectory(new NodeFileSystem(), join(folder, id));
    return run !== null && (await run.record().catch(() => null)) !== null && run;
  });
}
