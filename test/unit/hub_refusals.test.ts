import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { LatroError } from '../../src/engine/common/errors.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { filesBelow, hostedModel, pullFrom, TOKEN, temporaryFolder } from '../support/hub_pull.ts';
import { HubServer, type Misbehaviour } from '../support/hub_server.ts';

describe('refusals of a hub and the access token', () => {
  let server: HubServer;
  let scratch: Awaited<ReturnType<typeof temporaryFolder>>;
  let folder: string;
  before(async () => {
    server = await HubServer.start();
  });
  after(() => server.stop());
  beforeEach(async () => {
    server.reset();
    server.host(hostedModel());
    scratch = await temporaryFolder();
    folder = join(scratch.path, 'small');
  });
  afterEach(() => scratch.remove());

  const refuseAll = (status: number, headers: Record<string, string> = {}) => {
    const body = `no entry for ${TOKEN} at all`;
    server.misbehave = () => ({ kind: 'status', status, headers, body });
  };
  const pullWithToken = () => pullFrom(server, 'someone/small', folder, { token: TOKEN });

  it('are told apart, each with what to do, and never repeat the token', async () => {
    const anonymous = () => pullFrom(server, 'someone/small', folder);
    const errors: LatroError[] = [];
    refuseAll(401);
    errors.push(
      await expectLatroError(anonymous, 'hub-access', 'wants an access token', 'HF_TOKEN', '/settings/tokens'),
    );
    errors.push(await expectLatroError(pullWithToken, 'hub-access', 'does not accept the access token'));
    refuseAll(403);
    errors.push(await expectLatroError(pullWithToken, 'hub-access', '403'));
    refuseAll(401, { 'x-error-code': 'GatedRepo' });
    errors.push(await expectLatroError(anonymous, 'hub-gated', 'HF_TOKEN', `${server.endpoint}/someone/small`));
    refuseAll(403, { 'x-error-code': 'GatedRepo' });
    errors.push(await expectLatroError(pullWithToken, 'hub-gated', 'account of this access token'));
    refuseAll(429);
    errors.push(await expectLatroError(pullWithToken, 'hub-rate-limited', 'later'));
    for (const status of [500, 502, 503, 504]) {
      refuseAll(status);
      errors.push(await expectLatroError(pullWithToken, 'hub-unavailable', `${status}`));
    }
    refuseAll(418);
    errors.push(await expectLatroError(pullWithToken, 'download-failed', '418'));
    server.misbehave = () => null;
    errors.push(await expectLatroError(() => pullFrom(server, 'no/body', folder), 'model-not-found', 'private'));
    errors.push(
      await expectLatroError(
        () => pullFrom(server, 'datasets/no/body', folder, { token: TOKEN }),
        'dataset-not-found',
        'may see',
      ),
    );
    errors.push(await expectLatroError(() => pullFrom(server, 'someone/small@v9', folder), 'model-not-found', 'v9'));
    for (const error of errors) {
      assert.ok(!error.message.includes(TOKEN), error.message);
      assert.notEqual(error.nextStep, '');
    }
  });

  it('a gated file is refused as such though its repository may be listed', async () => {
    server.misbehave = ({ what }) =>
      what === 'resolve' ? { kind: 'status', status: 401, headers: { 'x-error-code': 'GatedRepo' } } : null;
    await expectLatroError(() => pullFrom(server, 'someone/small', folder), 'hub-gated', 'Accept them');
  });

  it('the token goes to the hub and to nobody else', async () => {
    await pullWithToken();
    const [hub, storage] = [
      server.requests.filter((one) => one.server === 'hub'),
      server.requests.filter((one) => one.server === 'storage'),
    ];
    assert.ok(hub.length > 10 && storage.length > 0, `${hub.length} and ${storage.length} requests`);
    for (const { authorization } of hub) assert.equal(authorization, `Bearer ${TOKEN}`);
    for (const { authorization } of storage) assert.equal(authorization, undefined);
  });

  it('does not come back to the hub by way of another server', async () => {
    const back = createServer((_, response) => response.writeHead(302, { location: `${server.endpoint}/back` }).end());
    await new Promise<void>((resolve) => back.listen(0, '127.0.0.1', resolve));
    const to = `http://127.0.0.1:${(back.address() as AddressInfo).port}/`;
    server.misbehave = ({ what, path }) =>
      what === 'resolve' && path === 'config.json' ? { kind: 'redirect', to } : null;
    try {
      await expectLatroError(pullWithToken, 'download-failed', 'storage server');
      const returned = server.requests.filter(({ url }) => url === '/back');
      assert.equal(returned.length, 5);
      for (const { authorization } of returned) assert.equal(authorization, undefined);
    } finally {
      back.close();
    }
  });

  it('is neither shown nor written, whatever happens', async () => {
    const seen: unknown[] = [];
    const kinds: (Misbehaviour | null)[] = [
      null,
      { kind: 'cut', after: 100 },
      { kind: 'status', status: 500, body: TOKEN },
    ];
    for (const wrong of kinds) {
      server.misbehave = ({ what }) => (what === 'bytes' ? wrong : null);
      const progress = (one: unknown) => seen.push(one);
      seen.push(
        await pullFrom(server, 'someone/small', folder, { token: TOKEN, progress }).catch((error: LatroError) => [
          error,
          error.stack,
          error.cause,
        ]),
      );
    }
    for (const path of await filesBelow(folder)) assert.ok(!(await readFile(join(folder, path))).includes(TOKEN), path);
    assert.ok(!JSON.stringify(seen).includes(TOKEN));
  });

  it('what files must hash to comes from the hub only', async () => {
    server.misbehave = ({ what }) => (what === 'tree' ? { kind: 'redirect', to: `${server.storage}/api` } : null);
    await expectLatroError(pullWithToken, 'download-failed', 'another server');
    assert.ok(server.requests.every((one) => one.server === 'hub'));
  });

  it('redirects end: in circles, to other protocols, to nowhere', async () => {
    for (const [to, says] of [
      [`${server.endpoint}/someone/small/resolve/x/config.json`, 'without end'],
      ['file:///etc/passwd', 'file:'],
      ['http://[', 'no address'],
    ] as const) {
      server.misbehave = ({ what }) => (what === 'resolve' ? { kind: 'redirect', to } : null);
      await expectLatroError(pullWithToken, 'download-failed', says);
    }
  });

  it('an answer that is not the hub\u2019s, as of a login page, is called that', async () => {
    for (const body of ['<html>log in</html>', '{}', '[{"type":"file","path":7}]', 'null', '{"sha":"main"}']) {
      for (const page of ['info', 'tree']) {
        server.misbehave = ({ what }) => (what === page ? { kind: 'status', status: 200, body } : null);
        await expectLatroError(pullWithToken, 'download-failed', 'does not answer as a Hugging Face hub');
      }
    }
  });
});
