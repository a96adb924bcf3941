/** What VS Code makes of package.json and no type sees. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { recordRun } from '../support/recorded_run.ts';

interface MenuItem {
  readonly command: string;
  readonly group: string;
}

const manifest = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../package.json'), 'utf8')) as {
  readonly activationEvents: readonly string[];
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

  it('wakes the extension where something was trained, also before a .jsonl file is opened and while no engine lives', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'latro-manifest-'));
    try {
      const row = JSON.stringify({ question: 'How many?', answer: '7' });
      for (const name of ['train.jsonl', 'test.jsonl']) await writeFile(path.join(folder, name), `${row}\n`);
      const contained = manifest.activationEvents.flatMap(
        (event) => /^workspaceContains:([^*?]+)$/.exec(event)?.[1] ?? [],
      );
      const wakes = () => contained.some((name) => existsSync(path.join(folder, name)));
      assert.ok(!wakes(), 'nothing was trained here yet');
      await recordRun(folder);
      assert.ok(wakes());
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
