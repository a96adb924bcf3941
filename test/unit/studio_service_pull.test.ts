import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Cancelled } from '../../src/engine/common/errors.ts';
import { EngineRequestError } from '../../src/extension/engine/engine_client.ts';
import type { NotificationParams } from '../../src/protocol/engine_rpc.ts';
import { eventually } from '../support/eventually.ts';
import { COMMIT, filesBelow, hosted, hostedModel, NEEDED, noise, TOKEN } from '../support/hub_pull.ts';
import { HubServer } from '../support/hub_server.ts';
import { Studio } from '../support/studio_harness.ts';

describe('engine: downloads', () => {
  let server: HubServer;
  let studio: Studio;
  const pull = (source: string, token: string | null = null, signal?: AbortSignal, jobId = studio.nextJob()) =>
    studio.client.request('pull', { jobId, source, base: studio.folder, token }, signal);

  before(async () => {
    server = await HubServer.start();
    studio = await Studio.start({ HF_ENDPOINT: server.endpoint, HF_TOKEN: 'hf_ofTheEnvironment' });
  });
  beforeEach(() => server.reset());
  after(async () => {
    await studio.close();
    await server.stop();
  });

  it('bring a model into the folder that latro pull would use, with progress in bytes', async () => {
    const repository = hostedModel();
    server.host(repository);
    const shown: NotificationParams<'progress'>[] = [];
    const subscription = studio.client.on('progress', (progress) => shown.push(progress));
    const pulled = await pull('someone/small');
    subscription.dispose();
    assert.equal(pulled.kind, 'model');
    assert.equal(pulled.folder, join(studio.folder, 'models', 'someone--small'));
    assert.equal(pulled.commit, COMMIT);
    assert.deepEqual(pulled.files.map(({ path }) => path).sort(), NEEDED);
    assert.deepEqual(await filesBelow(pulled.folder), [...NEEDED, 'latro-source.json'].sort());
    const bytes = pulled.files.reduce((sum, file) => sum + file.bytes, 0);
    assert.equal(pulled.bytesTransferred, bytes);
    assert.ok(shown.length > 0);
    assert.ok(shown.every(({ kind, unit, total, done }) => kind === 'pull' && unit === 'bytes' && done <= total));
    assert.ok(shown.some(({ message, total }) => message.startsWith('model.safetensors (') && total === bytes));
    assert.equal((await pull('someone/small')).bytesTransferred, 0);
  });

  it("use the client's token, else the environment's, and show neither", async () => {
    server.host(hosted('dataset', 'someone/rows', { 'train.jsonl': '{"question":"?","answer":"1"}\n' }));
    const pulled = await pull('datasets/someone/rows', TOKEN);
    assert.equal(pulled.kind, 'dataset');
    assert.ok(existsSync(join(studio.folder, 'datasets', 'someone--rows', 'train.jsonl')));
    const sent = () => new Set(server.requests.filter((one) => one.server === 'hub').map((one) => one.authorization));
    assert.deepEqual([...sent()], [`Bearer ${TOKEN}`]);
    server.requests = [];
    await rm(pulled.folder, { recursive: true });
    await pull('datasets/someone/rows');
    assert.deepEqual([...sent()], ['Bearer hf_ofTheEnvironment']);
    const record = await readFile(join(pulled.folder, 'latro-source.json'), 'utf8');
    assert.doesNotMatch([...studio.log, record].join('\n'), /hf_/);
  });

  it('end with the reason, as an error a person can mend', async () => {
    const refused = async (source: string, code: string): Promise<void> => {
      const error = await pull(source).then(
        () => null,
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof EngineRequestError, String(error));
      assert.equal(error.failure.code, code);
      assert.ok(error.failure.nextStep !== '');
    };
    server.host(hostedModel());
    await refused('not a name', 'bad-request');
    await refused('someone/else', 'model-not-found');
    server.misbehave = () => ({ kind: 'status', status: 403, headers: { 'x-error-code': 'GatedRepo' } });
    await refused('someone/small@other', 'hub-gated');
  });

  it('cancelled, keep what has arrived, and go on from there', async () => {
    server.host(hostedModel({ 'model.safetensors': noise(9, 3_000_000) }, 'someone/big'));
    server.misbehave = ({ path, what }) =>
      path === 'model.safetensors' && what === 'bytes' ? { kind: 'stall', after: 2_000_000 } : null;
    const controller = new AbortController();
    const cancelled = assert.rejects(pull('someone/big', null, controller.signal), Cancelled);
    const partial = join(studio.folder, 'models', 'someone--big', 'model.safetensors.partial');
    await eventually(async () => (await stat(partial).catch(() => ({ size: 0 }))).size >= 1_000_000);
    controller.abort();
    await cancelled;
    server.misbehave = () => null;
    server.bytesSent = 0;
    const { bytesTransferred } = await pull('someone/big');
    assert.ok(bytesTransferred < 2_100_000, `${bytesTransferred} bytes came again`);
    assert.equal(server.bytesSent, bytesTransferred);
  });

  it('run beside a run that is being trained', async () => {
    server.host(hostedModel({}, 'someone/beside'));
    const { jobId, ended } = await studio.train({ steps: 500 });
    await pull('someone/beside');
    const { jobs } = await studio.client.request('listJobs', {});
    assert.deepEqual(
      jobs.map((job) => [job.jobId, job.state]),
      [[jobId, 'running']],
    );
    await studio.client.request('stop', { jobId });
    assert.equal((await ended).outcome.type, 'cancelled');
  });
});
