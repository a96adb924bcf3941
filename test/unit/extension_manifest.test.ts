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

interface Setting {
  readonly markdownDescription?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly enumDescriptions?: readonly string[];
  readonly markdownEnumDescriptions?: readonly string[];
}

interface Described {
  readonly title?: string;
  readonly description?: string;
}

const ROOT = path.resolve(import.meta.dirname, '../..');
const read = <T>(file: string): T => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));

const { activationEvents, contributes } = read<{
  readonly activationEvents: readonly string[];
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly title?: string }[];
    readonly menus: Readonly<Record<string, readonly MenuItem[]>>;
    readonly views: Readonly<Record<string, readonly { readonly id: string; readonly name?: string }[]>>;
    readonly viewsWelcome: readonly { readonly view: string; readonly contents?: string }[];
    readonly configuration: { readonly properties: Readonly<Record<string, Setting>> };
    readonly languageModelTools: readonly {
      readonly name: string;
      readonly displayName?: string;
      readonly userDescription?: string;
    }[];
    readonly colors: readonly (Described & { readonly id: string })[];
    readonly walkthroughs: readonly (Described & { readonly id: string; readonly steps: readonly Described[] })[];
  };
}>('package.json');

/** Where a text stands, and what stands there. */
type Shown = [where: string, text: string | undefined];

/** What people read in VS Code's own surfaces. */
function textsForPeople(): Shown[] {
  const { commands, views, viewsWelcome, configuration, languageModelTools, colors, walkthroughs } = contributes;
  return [
    ...commands.map(({ command, title }): Shown => [command, title]),
    ...Object.values(views)
      .flat()
      .map(({ id, name }): Shown => [id, name]),
    ...viewsWelcome.map(({ view, contents }): Shown => [`welcome of ${view}`, contents]),
    ...Object.entries(configuration.properties).flatMap(([name, setting]) => textsOfSetting(name, setting)),
    ...languageModelTools.flatMap(({ name, displayName, userDescription }): Shown[] => [
      [name, displayName],
      [name, userDescription],
    ]),
    ...colors.map(({ id, description }): Shown => [id, description]),
    ...walkthroughs.flatMap((walkthrough) =>
      [walkthrough, ...walkthrough.steps].flatMap(({ title, description }): Shown[] => [
        [`${walkthrough.id}, title`, title],
        [`${walkthrough.id}, description`, description],
      ]),
    ),
  ];
}

/** Its own, and one for each value to choose from. */
function textsOfSetting(name: string, setting: Setting): Shown[] {
  const values = setting.markdownEnumDescriptions ?? setting.enumDescriptions ?? [];
  return [
    [name, setting.markdownDescription ?? setting.description],
    ...(setting.enum ?? []).map((value, n): Shown => [`${name}: ${value}`, values[n]]),
  ];
}

describe('the manifest', () => {
  /** In the order of their buttons. */
  const commands = (menu: string) =>
    contributes.menus[menu]!.toSorted((a, b) => a.group.localeCompare(b.group)).map(({ command }) => command);

  it('puts first in a form for notes what Ctrl+Enter is to do, because VS Code presses the first of its buttons', () => {
    assert.deepEqual(commands('comments/comment/context'), ['latro.saveNote', 'latro.cancelNote']);
    assert.deepEqual(commands('comments/commentThread/context'), ['latro.addNote']);
  });

  it('says what every command, view and setting is, and every value to choose from, in every language', () => {
    const texts = textsForPeople();
    assert.ok(texts.length > 60, `${texts.length}`);
    for (const language of ['', '.zh-cn', '.ja']) {
      const file = `package.nls${language}.json`;
      const said = read<Record<string, string>>(file);
      const untold = texts.filter(([, text]) => {
        const [, key] = /^%(.+)%$/.exec(text ?? '') ?? [];
        return key === undefined || (said[key] ?? '').trim() === '';
      });
      assert.deepEqual(untold, [], file);
    }
  });

  it('wakes the extension where something was trained, also before a .jsonl file is opened and while no engine lives', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'latro-manifest-'));
    try {
      const row = JSON.stringify({ question: 'How many?', answer: '7' });
      for (const name of ['train.jsonl', 'test.jsonl']) await writeFile(path.join(folder, name), `${row}\n`);
      const contained = activationEvents.flatMap((event) => /^workspaceContains:([^*?]+)$/.exec(event)?.[1] ?? []);
      const wakes = () => contained.some((name) => existsSync(path.join(folder, name)));
      assert.ok(!wakes(), 'nothing was trained here yet');
      await recordRun(folder);
      assert.ok(wakes());
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
