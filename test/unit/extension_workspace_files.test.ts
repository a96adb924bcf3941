import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { liesInWorkspace, type NamedFolder, workspaceFile } from '../../src/extension/common/workspace_files.ts';

describe('files of the workspace', () => {
  let root: string;
  let folders: NamedFolder[];
  const at = (...names: string[]) => path.join(root, ...names);
  const file = (name: string, among = folders) => workspaceFile(name, at('a'), among);
  const write = (...names: string[]) => {
    mkdirSync(path.dirname(at(...names)), { recursive: true });
    writeFileSync(at(...names), '');
  };

  before(() => {
    root = mkdtempSync(path.join(tmpdir(), 'latro-folders-'));
    write('a', 'train.jsonl');
    write('b', 'data', 'train.jsonl');
    folders = ['a', 'b'].map((name) => ({ name, uri: { fsPath: at(name) } }));
  });
  after(() => rmSync(root, { recursive: true }));

  it('are named from the folder where a window has one', () => {
    const only = folders.slice(0, 1);
    assert.equal(file('train.jsonl', only), at('a', 'train.jsonl'));
    assert.equal(file('a/train.jsonl', only), at('a', 'a', 'train.jsonl'));
    assert.equal(file(at('a', 'train.jsonl'), only), at('a', 'train.jsonl'));
  });

  it('are named with their folder where it has several, or from the first one', () => {
    assert.equal(file('b/data/train.jsonl'), at('b', 'data', 'train.jsonl'));
    assert.equal(file('a/train.jsonl'), at('a', 'train.jsonl'));
    assert.equal(file('train.jsonl'), at('a', 'train.jsonl'));
    assert.equal(file('../b/data/train.jsonl'), at('b', 'data', 'train.jsonl'));
    assert.equal(file('b/none.jsonl'), at('b', 'none.jsonl'), 'what is not there is missed where it was said to be');
    assert.equal(file('bb/none.jsonl'), at('a', 'bb', 'none.jsonl'));
  });

  it('of a folder within the first one that is called as another one are found too', () => {
    write('a', 'b', 'inner.jsonl');
    assert.equal(file('b/inner.jsonl'), at('a', 'b', 'inner.jsonl'));
    write('b', 'inner.jsonl');
    assert.equal(file('b/inner.jsonl'), at('b', 'inner.jsonl'));
  });

  it('lie in any of its folders, and nowhere else', async () => {
    for (const inside of [at('a', 'x'), at('b', 'x', 'y'), at('b', '..x')])
      assert.ok(await liesInWorkspace(inside, folders), inside);
    for (const outside of [at('a'), at('c'), at('ab', 'x'), root, file('b/../../x')])
      assert.ok(!(await liesInWorkspace(outside, folders)), outside);
  });

  it('lie where their links lead, of files that are there and of those that are not', async () => {
    write('outside', 'secret.jsonl');
    symlinkSync(at('outside'), at('a', 'way-out'), 'junction');
    symlinkSync(at('b', 'data'), at('a', 'across'), 'junction');
    for (const name of ['secret.jsonl', 'none.jsonl', path.join('deeper', 'none.jsonl')])
      assert.ok(!(await liesInWorkspace(at('a', 'way-out', name), folders)), name);
    assert.ok(await liesInWorkspace(at('a', 'across', 'train.jsonl'), folders));
    // A workspace may be a link itself.
    symlinkSync(at('a'), at('alias'), 'junction');
    const alias = [{ name: 'alias', uri: { fsPath: at('alias') } }];
    for (const name of ['train.jsonl', 'none.jsonl']) assert.ok(await liesInWorkspace(at('alias', name), alias), name);
    assert.ok(!(await liesInWorkspace(at('alias', 'way-out', 'secret.jsonl'), alias)));
  });
});
