import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type DiagnosisFacts, diagnosisText, withoutSecrets } from '../../src/extension/diagnosis.ts';

const HOME = '/home/ann';
const none = { home: HOME, tokens: [] };

describe('a diagnosis', () => {
  const facts: DiagnosisFacts = {
    versions: [['LaTRO Studio', '1.2.3']],
    machine: [['Memory', '3.0 GB of 8.0 GB free']],
    workspace: [['Trusted', 'yes']],
    settings: [['`latro.model`', '`"/home/ann/models/phi"`']],
    devices: ['cpu  works, 92 GFLOP/s'],
    engine: [['State', 'running as process 77']],
    log: ['12:00 engine process 77 connected', '```', '# no heading'],
    engineLog: [],
  };

  it('has every part under a heading of its own, and lines of a log can end none', () => {
    const text = diagnosisText(facts, none);
    assert.deepEqual(
      text.split('\n').filter((line) => line.startsWith('#')),
      [
        '# LaTRO Studio: diagnosis',
        ...['Versions', 'Machine', 'Devices', 'Workspace', 'Settings in force', 'Engine'].map((each) => `## ${each}`),
        ...['## Last lines of the log', '## Last lines of the engine'],
      ],
    );
    for (const line of [
      '- LaTRO Studio: 1.2.3',
      '    cpu  works, 92 GFLOP/s',
      '    ```',
      '- State: running as process 77',
    ]) {
      assert.ok(text.split('\n').includes(line), line);
    }
    assert.ok(text.includes('- `latro.model`: `"~/models/phi"`'));
    assert.ok(text.endsWith('## Last lines of the engine\n\nNone.\n'));
  });

  it('says of an untrusted workspace that it was not looked at', () => {
    const text = diagnosisText({ ...facts, settings: null, devices: null, engine: null, engineLog: null }, none);
    assert.equal(text.split('Not looked at: the workspace is not trusted.').length - 1, 4);
    assert.ok(!text.includes('latro.model') && !text.includes('GFLOP'));
    assert.ok(text.includes('- LaTRO Studio: 1.2.3'));
  });

  it('shows the home folder as ~, whole names only, however its separators are written', () => {
    assert.equal(withoutSecrets('/home/ann/x /home/anna/x /home/ann', none), '~/x /home/anna/x ~');
    assert.equal(withoutSecrets('/home/ann-old and "/home/ann"', none), '/home/ann-old and "~"');
    const windows = { home: 'C:\\Users\\Ann Lee', tokens: [] };
    assert.equal(withoutSecrets('c:\\users\\ann lee\\m', windows), '~\\m');
    assert.equal(withoutSecrets('"C:\\\\Users\\\\Ann Lee\\\\m" C:/Users/Ann Lee/m', windows), '"~\\\\m" ~/m');
    assert.equal(withoutSecrets('/somewhere/x', { home: '/', tokens: [] }), '/somewhere/x');
  });

  it('strikes out tokens, those it knows and those that look like one', () => {
    const known = { home: HOME, tokens: ['s3cr3t+token', ''] };
    assert.equal(withoutSecrets('with s3cr3t+token.', known), 'with ….');
    for (const line of [
      'GET hf_AbCdEfGhIjKl',
      'Authorization: Bearer AbCdEfGhIjKl',
      'authorization: basic QWxhZGRpbg==AbCdEfGhIjKl',
      'https://ann:AbCdEfGhIjKl@mirror.example/x',
      'token=AbCdEfGhIjKl&x=1',
      '{"api_key": "AbCdEfGhIjKl"}',
      'HF_TOKEN=hf_AbCdEfGhIjKl',
    ]) {
      assert.ok(!withoutSecrets(line, none).includes('AbCdEfGhIjKl'), line);
    }
    assert.equal(withoutSecrets('12 tokens: 48 per rationale', none), '12 tokens: 48 per rationale');
    assert.equal(withoutSecrets('GET https://huggingface.co/x', none), 'GET https://huggingface.co/x');
  });

  it('holds neither home nor token, wherever they stand', () => {
    const token = 'T0ken_of-4nn';
    const text = fc.string({ maxLength: 20 }).filter((each) => !each.includes(token));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const line = `${before}${token} ${HOME}/${after}`;
        const whole = { ...facts, log: [line], settings: [['x', line] as const], devices: [line], engineLog: [line] };
        const shown = diagnosisText(whole, { home: HOME, tokens: [token] });
        assert.ok(!shown.includes(token) && !shown.includes(`${HOME}/`));
      }),
    );
  });
});
