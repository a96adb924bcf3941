/** What VS Code makes of package.json and no type sees. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';

interface MenuItem {
  readonly command: string;
  readonly group: string;
}

const manifest = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../package.json'), 'utf8')) as {
  readonly contributes: { readonly menus: Readonly<Record<string, readonly MenuItem[]>> };
};

describe('the manifest', () => {
  /** In the order of their buttons. */
  const commands = (menu: string) =>
    manifest.contributes.menus[menu]!.toSorted((a, b) => a.group.localeCompare(b.group)).map(({ command }) => command);

  it('puts first in a form for notes what Ctrl+Enter is to do, because VS Code presses the first of its buttons', () => {
    assert.deepEqual(commands('comments/comment/context'), ['latro.saveNote', 'latro.cancelNote']);
    assert.deepEqual(commands('comments/commentThread/context'), ['latro.addNote']);
  });
});
