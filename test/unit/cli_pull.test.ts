import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { byteSize } from '../../src/cli/number_format.ts';
import { latro, latroOk } from '../support/command_line.ts';
import { COMMIT, filesBelow, hostedModel, NEEDED } from '../support/hub_pull.ts';
import { HubServer } from '../support/hub_server.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';

describe('latro pull', () => {
  const folder = temporaryFolder();
  let server: HubServer;
  before(async () => {
    server = await HubServer.start();
    server.host(hostedModel());
  });
  after(() => server.stop());
  const shell = () => ({ cwd: folder.path, env: { HF_ENDPOINT: server.endpoint } });

  it('brings a model into a folder of its own and says where it is', async () => {
    const { stdout, stderr } = await latroOk(['pull', 'someone/small@main'], shell());
    const path = join(folder.path, 'models', 'someone--small');
    assert.deepEqual(stdout.lines, [path]);
    assert.deepEqual(await filesBelow(path), [...NEEDED, 'latro-source.json'].sort());
    assert.match(stderr.text, new RegExp(`9 files, .*commit ${COMMIT}`));
    const record = JSON.parse(await readFile(join(path, 'latro-source.json'), 'utf8')) as { commit: string };
    assert.equal(record.commit, COMMIT);
  });

  it('transfers nothing twice', async () => {
    const { stderr } = await latroOk(['pull', 'someone/small'], shell());
    assert.match(stderr.text, /\(0 B of it transferred now\)/);
  });

  it('ends with one sentence when there is no such model, and leaves no folder', async () => {
    const { code, stderr, stdout } = await latro(['pull', 'someone/else', '--out', 'nothing'], shell());
    assert.equal(code, 1);
    assert.equal(stdout.text, '');
    assert.match(stderr.text, /^latro: [^\n]+someone\/else[^\n]+\n$/);
    assert.ok(!existsSync(join(folder.path, 'nothing')));
  });

  it('shows no token', async () => {
    const env = { HF_ENDPOINT: server.endpoint, HF_TOKEN: 'hf_very secret' };
    const { code, stderr } = await latro(['pull', 'someone/small', '--out', 'again'], { cwd: folder.path, env });
    assert.equal(code, 1);
    assert.doesNotMatch(stderr.text, /secret/);
  });

  it('counts in powers of a thousand', () => {
    assert.deepEqual([0, 999, 1000, 12_345_678, 5e9].map(byteSize), ['0 B', '999 B', '1.0 kB', '12.3 MB', '5.0 GB']);
  });
});
