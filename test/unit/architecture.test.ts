/** The invariants of ARCHITECTURE.md: which room may know which. */
import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..', '..');

/** Rooms and the rooms each may import from, besides itself. Engine rooms stand from the bottom up. */
const ENGINE_ROOMS = [
  'common',
  'runtime',
  'graph',
  'model',
  'optimize',
  'hub',
  'datasets',
  'evaluate',
  'latro',
  'baselines',
  'forking',
  'runs',
  'training',
  'server',
] as const;
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  'engine/common': [],
  'engine/runtime': ['engine/common'],
  'engine/graph': ['engine/common'],
  'engine/model': ['engine/common', 'engine/runtime', 'engine/graph'],
  'engine/optimize': ['engine/common', 'engine/runtime', 'engine/graph', 'engine/model'],
  'engine/hub': ['engine/common', 'protocol'],
  'engine/datasets': ['engine/common', 'protocol'],
  'engine/evaluate': ['engine/common', 'engine/datasets', 'protocol'],
  'engine/latro': ['engine/common', 'protocol'],
  'engine/baselines': ['engine/common', 'engine/latro', 'protocol'],
  'engine/forking': ['engine/common', 'engine/latro', 'protocol'],
  'engine/runs': ['engine/common', 'engine/datasets', 'engine/evaluate', 'protocol'],
  'engine/training': ENGINE_ROOMS.slice(0, -1)
    .map((room) => `engine/${room}`)
    .concat('protocol'),
  'engine/server': ENGINE_ROOMS.map((room) => `engine/${room}`).concat('protocol'),
  cli: ENGINE_ROOMS.map((room) => `engine/${room}`).concat('protocol'),
  // The host computes nothing: of the engine it may use only rooms that load nothing native.
  extension: ['protocol', 'engine/common', 'engine/datasets', 'engine/evaluate', 'engine/runs'],
  webview: ['protocol'],
};

interface Import {
  readonly file: string;
  readonly specifier: string;
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(folder, name));
}

const FILES = [...sources('src'), ...sources('webview')];

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const pattern =
    /^\s*(?:import|export)\b[^'"]*?from\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|\brequire\(\s*['"]([^'"]+)['"]\s*\)/gm;
  return [...text.matchAll(pattern)].map((match) => ({
    file,
    specifier: match.slice(1).find((part) => part !== undefined)!,
  }));
}

/** Functions, classes and constants that a file exports. */
const EXPORTED = /^export (?:async )?(?:abstract )?(?:function\*?|class|const) (\w+)/gm;

const IMPORTS = FILES.flatMap(importsOf);

function roomOf(file: string): string {
  const parts = file.split(sep);
  if (parts[0] === 'webview') return 'webview';
  return parts[1] === 'engine' ? `engine/${parts[2]}` : parts[1]!;
}

const importersOf = (name: string): string[] => [
  ...new Set(
    IMPORTS.filter(({ specifier }) => specifier === name || specifier.startsWith(`${name}/`)).map(({ file }) => file),
  ),
];

describe('architecture', () => {
  it('reads the whole house', () => {
    assert.ok(FILES.length > 100, `${FILES.length} files`);
    assert.ok(IMPORTS.length > FILES.length);
  });

  it('each room imports only the rooms it may know', () => {
    const wrong = IMPORTS.flatMap(({ file, specifier }) => {
      if (!specifier.startsWith('.') || specifier.endsWith('/package.json')) return [];
      const from = roomOf(file);
      const to = roomOf(relative(ROOT, resolve(ROOT, dirname(file), specifier)));
      const allowed = MAY_IMPORT[from];
      if (allowed === undefined) return [`${file}: room '${from}' is not in the plan`];
      return from === to || allowed.includes(to) ? [] : [`${file} imports ${specifier}`];
    });
    assert.deepEqual(wrong, []);
  });

  it('no files import one another in a circle, for types neither', () => {
    const files = [...FILES, ...sources('scripts')];
    const imported = new Map(
      files.map((file) => {
        const own = importsOf(file).filter(({ specifier }) => /^\..*\.ts$/.test(specifier));
        return [file, own.map(({ specifier }) => relative(ROOT, resolve(ROOT, dirname(file), specifier)))];
      }),
    );
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      const at = path.indexOf(file);
      if (at >= 0) circles.push([...path.slice(at), file].join(' → '));
      if (at >= 0 || done.has(file)) return;
      for (const next of imported.get(file) ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    assert.deepEqual(circles, []);
  });

  it('no rooms of the extension import one another, for types neither', () => {
    const host = join('src', 'extension');
    /** What lies beside the rooms puts them together. */
    const roomOfHost = (file: string): string | undefined => {
      const [room, ...rest] = relative(host, file).split(sep);
      return room === '..' || rest.length === 0 ? undefined : room;
    };
    const known = new Set<string>();
    for (const { file, specifier } of IMPORTS.filter((each) => each.specifier.startsWith('.'))) {
      const [from, to] = [file, join(dirname(file), specifier)].map(roomOfHost);
      if (from !== undefined && to !== undefined && from !== to) known.add(`${from} → ${to}`);
    }
    assert.ok(known.size > 20, `${known.size}`);
    const both = [...known].filter((each) => known.has(each.split(' → ').reverse().join(' → ')));
    assert.deepEqual(both, []);
  });

  it('no two functions of the extension have one name', () => {
    const files = new Map<string, string[]>();
    for (const file of FILES.filter((each) => roomOf(each) === 'extension')) {
      for (const [, name] of readFileSync(join(ROOT, file), 'utf8').matchAll(EXPORTED)) {
        files.set(name!, [...(files.get(name!) ?? []), file]);
      }
    }
    assert.ok(files.size > 200, `${files.size}`);
    assert.deepEqual(
      [...files].filter(([, own]) => own.length > 1),
      [],
    );
  });

  it('only the extension imports vscode', () => {
    assert.deepEqual(
      importersOf('vscode').filter((file) => !file.startsWith(join('src', 'extension'))),
      [],
    );
  });

  it('only the runtime room imports onnxruntime-node, and the extension never reaches it', () => {
    assert.deepEqual(
      importersOf('onnxruntime-node').filter((file) => !file.startsWith(join('src', 'engine', 'runtime'))),
      [],
    );
    const reached = new Set<string>();
    const visit = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const { specifier } of importsOf(file)) {
        if (specifier.startsWith('.') && specifier.endsWith('.ts'))
          visit(relative(ROOT, resolve(ROOT, dirname(file), specifier)));
      }
    };
    FILES.filter((file) => roomOf(file) === 'extension').forEach(visit);
    assert.deepEqual(
      [...reached].filter((file) => roomOf(file) === 'engine/runtime'),
      [],
    );
  });

  it('what there is one of is made once, where the parts are put together', () => {
    const made = (what: RegExp) =>
      FILES.flatMap((file) => [...readFileSync(join(ROOT, file), 'utf8').matchAll(what)].map(() => file));
    const root = join('src', 'extension', 'extension.ts');
    assert.deepEqual(made(/createStatusBarItem\(/g), [root]);
    // Each reads the index of a run's rollouts for itself.
    assert.deepEqual(made(/new QuestionSource\(/g), [root]);
    assert.deepEqual(made(/new PanelChoices\(/g), [root]);
  });

  it('one module imports the webview toolkit', () => {
    assert.deepEqual(importersOf('@vscode/webview-ui-toolkit'), [join('webview', 'toolkit.ts')]);
  });

  it('no barrels and no default exports', () => {
    const wrong = FILES.filter((file) => /^export (default|\* from)/m.test(readFileSync(join(ROOT, file), 'utf8')));
    assert.deepEqual(wrong, []);
  });

  it('no file holds two things: at most 400 lines, tests and scripts too', () => {
    const all = [...FILES, ...sources('test'), ...sources('scripts')];
    assert.ok(all.length > 600, `${all.length} files`);
    const long = all.flatMap((file) => {
      const lines = readFileSync(join(ROOT, file), 'utf8').trimEnd().split('\n').length;
      return lines > 400 ? [`${file}: ${lines}`] : [];
    });
    assert.deepEqual(long, []);
  });
});
