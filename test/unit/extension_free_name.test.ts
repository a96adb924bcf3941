import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freeName } from '../../src/extension/common/free_name.ts';

describe('a name for a new file', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'latro-names-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('is the wanted one, or the first after it that nothing has', () => {
    const names = Array.from({ length: 4 }, () => {
      const name = freeName(path.join(folder, 'train'), '.jsonl');
      writeFileSync(name, '');
      return path.basename(name);
    });
    assert.deepEqual(names, ['train.jsonl', 'train-2.jsonl', 'train-3.jsonl', 'train-4.jsonl']);
  });

  it('may be that of a folder', () => {
    mkdirSync(path.join(folder, 'run-1-merged'));
    assert.equal(path.basename(freeName(path.join(folder, 'run-1-merged'))), 'run-1-merged-2');
  });
});
