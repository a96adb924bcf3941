/** The names in package.json and those in the source are the same names: none of either side is without its other. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { COMMANDS } from '../../src/extension/command_ids.ts';
import { CONTEXT_KEYS, type ContextKey, ContextKeys, type ContextValue } from '../../src/extension/context_keys.ts';
import { TOOL_INPUTS } from '../../src/extension/tools/tool_inputs.ts';

interface Manifest {
  readonly engines: { readonly vscode: string };
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly activationEvents: readonly string[];
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly enablement?: string }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: string; readonly when?: string }[]>>;
    readonly views: Readonly<Record<string, readonly { readonly id: string; readonly when?: string }[]>>;
    readonly viewsContainers: { readonly activitybar: readonly { readonly id: string }[] };
    readonly viewsWelcome: readonly { readonly view: string; readonly when?: string }[];
    readonly configuration: { readonly properties: Readonly<Record<string, unknown>> };
    readonly configurationDefaults: Readonly<Record<string, unknown>>;
    readonly languages: readonly { readonly id: string }[];
    readonly taskDefinitions: readonly { readonly type: string }[];
    readonly languageModelTools: readonly { readonly name: string }[];
    readonly colors: readonly { readonly id: string }[];
    readonly walkthroughs: readonly {
      readonly id: string;
      readonly steps: readonly { readonly completionEvents: readonly string[] }[];
    }[];
  };
}

const ROOT = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');
const { engines, devDependencies, activationEvents, contributes } = JSON.parse(read('package.json')) as Manifest;

function textsIn(folder: string, extension: string): string[] {
  const names = readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith(extension)).map((name) => read(path.join(folder, name)));
}
const source = textsIn('src/extension', '.ts').join('\n');
const styles = textsIn('webview', '.css').join('\n');

/** What the first group of a pattern finds, each once, sorted. */
const found = (text: string, pattern: RegExp): string[] =>
  [...new Set([...text.matchAll(pattern)].map(([, name]) => name!))].sort();
const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();

const views = contributes.views.latro!.map(({ id }) => id);
const settings = Object.keys(contributes.configuration.properties);
/** `when` clauses and `enablement`s. */
const conditions = [
  ...contributes.commands.map(({ enablement }) => enablement),
  ...[contributes.menus, contributes.views].flatMap((all) =>
    Object.values(all)
      .flat()
      .map(({ when }) => when),
  ),
  ...contributes.viewsWelcome.map(({ when }) => when),
].flatMap((condition) => condition ?? []);
const controllers = found(source, /createCommentController\('([^']+)'/g);
const panels = found(source, /viewType: '([^']+)'/g);

const AMBIGUOUS = '"editor.unicodeHighlight.ambiguousCharacters":false';

describe('names of package.json and of the source', () => {
  it('are the same commands', () => {
    assert.deepEqual(sorted(contributes.commands.map(({ command }) => command)), sorted(COMMANDS));
    const inMenus = Object.values(contributes.menus).flatMap((items) => items.map(({ command }) => command));
    assert.deepEqual(
      inMenus.filter((id) => !COMMANDS.includes(id as never)),
      [],
    );
  });

  it('are the same views, in links and in the walkthrough too', () => {
    const made = found(source, /(?:createTreeView|registerWebviewViewProvider)\('([^']+)'/g);
    assert.deepEqual(sorted(views), made);
    assert.deepEqual(
      contributes.viewsWelcome.filter(({ view }) => !views.includes(view)),
      [],
    );
    const focused = found(source, /executeCommand\('(latro\.\w+)\.focus'/g);
    assert.ok(focused.length > 0 && focused.every((view) => views.includes(view)), focused.join());
    const links = found(read('package.nls.json'), /command:(latro\.\w+)/g);
    const steps = contributes.walkthroughs.flatMap(({ steps }) => steps.flatMap((step) => step.completionEvents));
    const events = found(steps.join('\n'), /^on(?:Command|View):(.+)$/gm);
    assert.equal(events.length, steps.length, steps.join());
    for (const id of [...links, ...events]) assert.ok([...COMMANDS, ...views].includes(id as never), id);
    const walkthroughs = found(source, /openWalkthrough', `\$\{[^}]+\}#(\w+)`/g);
    assert.deepEqual(sorted(contributes.walkthroughs.map(({ id }) => id)), walkthroughs);
  });

  it('are the same settings', () => {
    const asked = [
      ...found(source, /#get(?:<[^>]+>)?\('([\w.]+)'/g),
      ...found(source, /getConfiguration\('latro', \w+\)\.get\('([\w.]+)'/g),
      ...found(source, /section\.update\('([\w.]+)'/g),
    ];
    assert.deepEqual(sorted(asked.map((name) => `latro.${name}`)), sorted(settings));
    const followed = found(source, /affectsConfiguration\('(latro\.[\w.]+)'/g);
    assert.ok(followed.length > 0 && followed.every((name) => settings.includes(name)), followed.join());
  });

  it('are the same context keys, set in one place', () => {
    const named = sorted(conditions.flatMap((condition) => condition.match(/\blatro\.[\w.]+/g) ?? []));
    const values = [...views, ...controllers];
    assert.deepEqual(
      named.filter((name) => !values.includes(name)),
      sorted(CONTEXT_KEYS),
    );
    assert.equal(source.split("'setContext'").length - 1, 1);
  });

  it('are the same words for what a run can do, on which its menus depend', () => {
    const asked = found(conditions.join('\n'), /viewItem =~ \/\^run-\w*\.\*(\w+)\//g);
    const [, words = ''] = /const words = \{(.*?)\n {2}\};/s.exec(read('src/extension/runs/runs_tree.ts')) ?? [];
    assert.deepEqual(asked, found(words, /^ {4}(\w+)[:,]/gm));
  });

  it('are the same panels, languages, tasks, tools and colours', () => {
    assert.deepEqual(found(activationEvents.join('\n'), /^onWebviewPanel:(.+)$/gm), panels);
    const own = contributes.languages.map(({ id }) => id).filter((id) => id.startsWith('latro-'));
    assert.deepEqual(sorted(own), found(source, /['`](latro-(?:prompt|rollouts))['`]/g));
    const languages = found(Object.keys(contributes.configurationDefaults).join(), /\[([^\]]+)\]/g);
    assert.ok(languages.every((id) => contributes.languages.some((language) => language.id === id)));
    // VS Code draws a box around each minus and times sign, unless told that a document has them on purpose.
    const boxed = own.filter((id) => !JSON.stringify(contributes.configurationDefaults[`[${id}]`]).includes(AMBIGUOUS));
    assert.deepEqual(boxed, []);
    assert.deepEqual(
      sorted(contributes.taskDefinitions.map(({ type }) => type)),
      found(source, /registerTaskProvider\('([^']+)'/g),
    );
    const tools = contributes.languageModelTools.map(({ name }) => name);
    assert.deepEqual(sorted(tools), sorted(Object.keys(TOOL_INPUTS)));
    const colours = contributes.colors.map(({ id }) => id.replace('.', '-'));
    assert.deepEqual(sorted(colours), found(styles, /--vscode-(latro-\w+)/g));
  });

  it('are all: the source says no other', () => {
    /** Names of files, of what is stored, and of what VS Code learns from the source alone. */
    const unlisted = ['latro.json', 'latro.status', 'latro.evaluations', 'latro.set', 'latro.hubToken']
      .concat(['latro.rationaleRuns', 'latro.rationaleChoices', 'latro.pinnedRationales'])
      .concat(views.map((view) => `${view}.focus`));
    const known = new Set([
      ...COMMANDS,
      ...views,
      ...settings,
      ...CONTEXT_KEYS,
      ...controllers,
      ...panels,
      ...unlisted,
    ]);
    const said = found(source, /['"`](latro\.[\w.]+)['"`]/g);
    assert.deepEqual(
      said.filter((name) => !known.has(name)),
      [],
    );
  });
});

describe('patterns of files', () => {
  it('have no braces within braces, which VS Code takes for something else without a word', () => {
    const patterns = found(source, /'([^'\n]*\*\*[^'\n]*)'/g);
    assert.ok(patterns.some((pattern) => pattern.includes('.latro/runs/**')));
    assert.deepEqual(
      patterns.filter((pattern) => /\{[^}]*\{/.test(pattern)),
      [],
    );
  });
});

describe('context keys', () => {
  it('are told when they change, and taken back at the end', () => {
    const told: [ContextKey, ContextValue | undefined][] = [];
    const keys = new ContextKeys((key, value) => told.push([key, value]));
    keys.set('latro.training', false);
    keys.set('latro.training', false);
    keys.set('latro.training', true);
    keys.dispose();
    keys.dispose();
    assert.deepEqual(
      told.map(([, value]) => value),
      [false, true, undefined],
    );
  });
});

describe('the version of VS Code', () => {
  it('that package.json asks for is the one whose API is compiled against, so that none newer can be used', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, { version: string }> };
    assert.match(devDependencies['@types/vscode']!, /^\d+\.\d+\.\d+$/, 'pinned');
    assert.equal(engines.vscode, `^${devDependencies['@types/vscode']}`);
    assert.equal(packages['node_modules/@types/vscode']?.version, devDependencies['@types/vscode']);
  });
});
