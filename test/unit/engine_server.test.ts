import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Cancelled } from '../../src/engine/common/errors.ts';
import { EngineServer } from '../../src/engine/server/engine_server.ts';
import { EngineClient, EngineRequestError } from '../../src/extension/engine/engine_client.ts';
import {
  type NotificationName,
  type NotificationParams,
  PROTOCOL_VERSION,
  type RequestParams,
} from '../../src/protocol/engine_rpc.ts';
import { TinyEngineService } from '../support/tiny_engine_service.ts';

const token = 'x'.repeat(64);
const stepMilliseconds = 20;

describe('engine server', () => {
  let folder: string;
  let socket: string;
  let server: EngineServer;
  let service: TinyEngineService;
  let log: string[];
  let shutdowns: number;
  const clients: EngineClient[] = [];

  const connect = async (withToken = token) => {
    const record = {
      pid: 1,
      startTime: '',
      socket,
      engineVersion: '1',
      protocolVersion: PROTOCOL_VERSION,
      token: withToken,
    };
    const client = await EngineClient.connect(record, 'test');
    clients.push(client);
    return client;
  };
  const train = (jobId: string, steps: unknown): RequestParams<'train'> => ({
    jobId,
    source: { kind: 'inline', config: { model: 'm', dataset: { train: 'd.jsonl' } }, baseDirectory: folder },
    overrides: { steps },
  });
  const row = { dataset: 'd.jsonl', format: 'auto', line: 1, row: '{"question":"2+2?","answer":"4"}' } as const;
  const weights = { kind: 'model', model: 'm', adapter: null } as const;
  const sample = (jobId: string, k: number): RequestParams<'sampleQuestion'> => ({
    jobId,
    weights,
    row,
    k,
    temperature: 1,
    maxTokens: null,
    seed: 1,
  });

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'latro-'));
    socket = process.platform === 'win32' ? `\\\\.\\pipe\\${path.basename(folder)}` : path.join(folder, 'engine.sock');
    service = new TinyEngineService(stepMilliseconds);
    log = [];
    shutdowns = 0;
    server = new EngineServer({
      service,
      token,
      engineVersion: '1',
      clock: () => new Date(),
      log: (message) => log.push(message),
      onActivity: () => {},
      onShutdown: () => shutdowns++,
    });
    await server.listen(socket);
  });

  afterEach(async () => {
    await server.close('shutdown');
    for (const client of clients.splice(0)) client.dispose();
    await rm(folder, { recursive: true });
  });

  it('refuses a client without the token', async () => {
    await assert.rejects(
      connect('y'.repeat(64)),
      (error: EngineRequestError) => error.failure.code === 'bad-request' && /token/.test(error.failure.reason),
    );
    assert.equal(server.idle, true);
  });

  it('answers a run once its directory exists, tells everyone how it goes, and how it ended', async () => {
    const [asking, watching] = [await connect(), await connect()];
    const steps: number[] = [];
    watching.on('runEvent', ({ event }) => event.type === 'step' && steps.push(event.metrics.step));
    const ended = next(watching, 'jobEnded');
    const { runDirectory } = await asking.request('train', train('a', 3));
    assert.deepEqual(steps, []);
    assert.deepEqual((await ended).outcome, { type: 'ok' });
    assert.deepEqual(steps, [1, 2, 3]);
    const lines = (await readFile(path.join(runDirectory, 'events.jsonl'), 'utf8')).trim().split('\n');
    assert.equal(lines.length, 3);
  });

  it('trains one run at a time', async () => {
    const client = await connect();
    const order: string[] = [];
    client.on('runEvent', ({ jobId }) => order.push(jobId));
    const ended = Promise.all([next(client, 'jobEnded', 'a'), next(client, 'jobEnded', 'b')]);
    const first = client.request('train', train('a', 3));
    const second = client.request('train', train('b', 2));
    await first;
    const states = (await client.request('listJobs', {})).jobs.map((job) => [job.jobId, job.state]);
    assert.deepEqual(states, [
      ['a', 'running'],
      ['b', 'queued'],
    ]);
    await second;
    await ended;
    assert.deepEqual(order, ['a', 'a', 'a', 'b', 'b']);
  });

  it('rests a paused run, lets another one through, and goes on where it was', async () => {
    const client = await connect();
    const order: string[] = [];
    client.on('runEvent', ({ jobId }) => order.push(jobId));
    const ends = [next(client, 'jobEnded', 'a'), next(client, 'jobEnded', 'b')];
    await client.request('train', train('a', 6));
    await next(client, 'runEvent', 'a');
    const rests = until(client, 'a', 'paused');
    assert.deepEqual(await client.request('pause', { jobId: 'a' }), { found: true });
    assert.deepEqual(await client.request('pause', { jobId: 'a' }), { found: false }, 'it is pausing already');
    await rests;
    const done = order.length;
    await client.request('train', train('b', 2));
    await ends[1];
    assert.equal(order.filter((job) => job === 'a').length, done, 'a paused run does nothing');
    assert.deepEqual((await client.request('listJobs', {})).jobs[0]?.state, 'paused');
    assert.deepEqual(await client.request('continue', { jobId: 'a' }), { found: true });
    assert.deepEqual((await ends[0])?.outcome, { type: 'ok' });
    assert.equal(order.filter((job) => job === 'a').length, 6);
    assert.deepEqual(await client.request('continue', { jobId: 'a' }), { found: false });
  });

  it('ends a paused run as cancelled when it is stopped', async () => {
    const client = await connect();
    const ended = next(client, 'jobEnded', 'a');
    await client.request('train', train('a', 1000));
    const rests = until(client, 'a', 'paused');
    await client.request('pause', { jobId: 'a' });
    await rests;
    assert.deepEqual(await client.request('stop', { jobId: 'a' }), { found: true });
    assert.deepEqual((await ended).outcome, { type: 'cancelled' });
  });

  it('answers an interactive request between the updates of a run', async () => {
    const client = await connect();
    let stepsSeen = 0;
    client.on('runEvent', () => stepsSeen++);
    const ended = next(client, 'jobEnded', 'a');
    await client.request('train', train('a', 6));
    const rollout = await client.request('sampleQuestion', sample('s', 4));
    assert.ok(stepsSeen < 6, 'the answer came before the run was over');
    const advantages = rollout.rationales.map((rationale) => rationale.advantage!);
    assert.ok(Math.abs(advantages.reduce((a, b) => a + b)) < 1e-12);
    assert.deepEqual((await ended).outcome, { type: 'ok' });
    assert.equal(stepsSeen, 6);
  });

  it('ends a stopped run as cancelled, running or queued, and never as an error', async () => {
    const client = await connect();
    const ends = [next(client, 'jobEnded', 'a'), next(client, 'jobEnded', 'b')];
    await client.request('train', train('a', 1000));
    const queued = assert.rejects(client.request('train', train('b', 1000)), Cancelled);
    assert.deepEqual(await client.request('stop', { jobId: 'b' }), { found: true });
    assert.deepEqual(await client.request('stop', { jobId: 'a' }), { found: true });
    for (const end of ends) assert.deepEqual((await end).outcome, { type: 'cancelled' });
    await queued;
    assert.deepEqual(await client.request('stop', { jobId: 'a' }), { found: false });
  });

  it('cancels a request whose signal is aborted', async () => {
    const client = await connect();
    const controller = new AbortController();
    const answer = client.request('sampleQuestion', sample('s', 10_000), controller.signal);
    setTimeout(() => controller.abort(), 10);
    await assert.rejects(answer, Cancelled);
  });

  it('lets a run outlive its client, ends its interactive jobs, and shows the run to the next client', async () => {
    const leaving = await connect();
    const { runDirectory } = await leaving.request('train', train('a', 30));
    const unanswered = leaving.request('sampleQuestion', sample('s', 10_000));
    leaving.dispose();
    await assert.rejects(unanswered, (error: EngineRequestError) => error.failure.code === 'engine-stopped');
    const staying = await connect();
    const run = staying.info.jobs.find((job) => job.jobId === 'a');
    assert.equal(run?.runDirectory, runDirectory);
    assert.deepEqual((await next(staying, 'jobEnded', 'a')).outcome, { type: 'ok' });
    assert.deepEqual((await staying.request('listJobs', {})).jobs, []);
  });

  it('carries errors over the wire: what is wrong, where, and what to do', async () => {
    const client = await connect();
    await assert.rejects(client.request('describeModel', { jobId: 'd', model: '/missing' }), (error) => {
      assert.ok(error instanceof EngineRequestError);
      const reason = 'There is no model in /missing.';
      const nextStep = 'Choose a folder with config.json.';
      assert.deepEqual(error.failure, { code: 'model-not-found', reason, nextStep });
      return true;
    });
    assert.deepEqual(log, [], 'a mistake of the user is not logged as a bug');
  });

  it('logs the stack of a bug and says so without showing it', async () => {
    const client = await connect();
    const broken = { ...sample('s', 2), row: { ...row, row: '{' } };
    await assert.rejects(client.request('sampleQuestion', broken), (error: EngineRequestError) => {
      assert.equal(error.failure.code, 'internal');
      return !/\n\s+at /.test(error.message);
    });
    assert.match(log.join('\n'), /SyntaxError[\s\S]+ at /);
  });

  it('names the parameter that does not fit', async () => {
    const client = await connect();
    const wrong = { ...sample('s', 2), k: 1 };
    await assert.rejects(
      client.request('sampleQuestion', wrong),
      (error: EngineRequestError) => error.failure.code === 'bad-request' && /sampleQuestion, k:/.test(error.message),
    );
    await assert.rejects(
      client.request('train', train('a', 'many')),
      (error: EngineRequestError) => error.failure.code === 'config-invalid',
    );
  });

  it('shuts down on request, but not under a run unless told to', async () => {
    const client = await connect();
    await client.request('train', train('a', 1000));
    assert.deepEqual(await client.request('shutdown', { stopJobs: false }), { stopping: false });
    assert.deepEqual(await client.request('shutdown', { stopJobs: true }), { stopping: true });
    await new Promise(setImmediate);
    assert.equal(shutdowns, 1);
  });

  it('says goodbye before it closes: jobs end as cancelled, clients know it was meant', async () => {
    const client = await connect();
    const closed = new Promise<{ deliberate: boolean }>((resolve) => client.onClosed(resolve));
    const ended = next(client, 'jobEnded', 'a');
    await client.request('train', train('a', 1000));
    await server.close('signal');
    assert.deepEqual((await ended).outcome, { type: 'cancelled' });
    assert.deepEqual(await closed, { deliberate: true });
    assert.equal(service.disposed, true);
  });
});

/** Resolves when a job has come into this state. */
function until(client: EngineClient, jobId: string, state: string): Promise<void> {
  return new Promise((resolve) => {
    const subscription = client.on('jobChanged', (job) => {
      if (job.jobId !== jobId || job.state !== state) return;
      subscription.dispose();
      resolve();
    });
  });
}

/** The next notification of a kind (and job). */
function next<N extends NotificationName>(
  client: EngineClient,
  name: N,
  jobId?: string,
): Promise<NotificationParams<N>> {
  return new Promise((resolve) => {
    const subscription = client.on(name, (params) => {
      if (jobId !== undefined && 'jobId' in params && params.jobId !== jobId) return;
      subscription.dispose();
      resolve(params);
    });
  });
}
