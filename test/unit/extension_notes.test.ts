import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { DocumentIndex, type TextChanges } from '../../src/extension/inline/document_index.ts';
import { NoteAnchors } from '../../src/extension/notes/note_anchors.ts';
import { NoteStore } from '../../src/extension/notes/note_store.ts';
import { notesFile } from '../../src/extension/notes/notes_file.ts';
import { eventually } from '../support/eventually.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { FakeDocument } from '../support/text_document.ts';

const row = (question: string) => JSON.stringify({ question, answer: '1' });

const at = (key: string, line: number) => new Map([[key, { start: { line, character: 0 } }]]);

/** What people do to rows, as VS Code tells of it. */
type Edit = (document: FakeDocument, at: number) => TextChanges;
const EDITS: Readonly<Record<string, Edit>> = {
  insertAbove: (document, line) => document.edit({ line, character: 0 }, { line, character: 0 }, `${row('above?')}\n`),
  insertBelow: (document, line) => {
    const end = { line, character: document.lines[line]!.length };
    return document.edit(end, end, `\n${row('below?')}`);
  },
  delete: (document, line) =>
    line + 1 < document.lineCount
      ? document.edit({ line, character: 0 }, { line: line + 1, character: 0 }, '')
      : document.edit(
          { line: line - 1, character: document.lines[line - 1]!.length },
          { line, character: document.lines[line]!.length },
          '',
        ),
  moveUp: (document, line) => {
    const above = Math.max(0, line - 1);
    return document.editLines(above, line, [document.lines[line]!, ...(above < line ? [document.lines[above]!] : [])]);
  },
  sort: (document) => document.editLines(0, document.lineCount - 1, [...document.lines].sort()),
  reverse: (document) => document.editLines(0, document.lineCount - 1, [...document.lines].reverse()),
};

describe('notes on rows', () => {
  it('stay on their rows whatever happens to the others', async () => {
    const edit = fc.record({ kind: fc.constantFrom(...Object.keys(EDITS)), at: fc.nat(20) });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { maxLength: 12 }), fc.subarray([0, 3, 5, 9]), async (edits, noted) => {
        const document = new FakeDocument(
          '/d/train.jsonl',
          Array.from({ length: 12 }, (_, n) => row(`question ${n}?`)),
        );
        const index = new DocumentIndex(document, () => {});
        await index.readNow();
        const texts = new Map(noted.map((line) => [index.rows.keyAt(line)!, document.lines[line]!]));
        const keys = new Set(texts.keys());
        const anchors = new NoteAnchors(true);
        anchors.settle(keys, index.find(keys));
        for (const { kind, at } of edits) {
          const line = at % document.lineCount;
          const takesNoted = kind === 'delete' && [...texts.values()].includes(document.lines[line]!);
          if (document.lineCount < 2 || takesNoted) continue;
          const changes = EDITS[kind]!(document, line);
          index.edited(changes);
          anchors.edited(changes);
        }
        await index.readNow();
        anchors.settle(keys, index.find(keys));
        for (const [key, text] of texts) assert.equal(document.lines[anchors.place(key)!.line], text);
        assert.equal(anchors.adrift.size, 0);
        index.dispose();
      }),
    );
  });

  it('follow a row that is being edited, through edits around it', async () => {
    const around = fc.constantFrom('insertAbove', 'insertBelow', 'none');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ around, at: fc.nat(5) }), { maxLength: 8 }), async (steps) => {
        const document = new FakeDocument(
          '/d/train.jsonl',
          Array.from({ length: 6 }, (_, n) => row(`question ${n}?`)),
        );
        const index = new DocumentIndex(document, () => {});
        await index.readNow();
        const key = index.rows.keyAt(3)!;
        const anchors = new NoteAnchors(true);
        anchors.settle(new Set([key]), at(key, 3));
        let typed = 'question 3';
        for (const { around, at } of steps) {
          const line = document.lines.findIndex((text) => text.includes(typed));
          const place = { line, character: document.lines[line]!.indexOf(typed) + typed.length };
          typed += 'x';
          anchors.edited(document.edit(place, place, 'x'));
          if (around !== 'none') anchors.edited(EDITS[around]!(document, at % document.lineCount));
        }
        assert.ok(document.lines[anchors.place(key)!.line]!.includes(typed));
        index.dispose();
      }),
    );
  });

  it('let go of a row that was deleted, and take it up again when it is back', () => {
    const anchors = new NoteAnchors(true);
    const keys = new Set(['k']);
    const range = (from: number, to: number) =>
      ({ start: { line: from, character: 0 }, end: { line: to, character: 0 } }) as TextChanges[number]['range'];
    anchors.settle(keys, at('k', 4));
    anchors.edited([{ range: range(4, 5), text: '' }]);
    anchors.settle(keys, new Map());
    assert.equal(anchors.place('k'), undefined);
    anchors.edited([{ range: range(4, 4), text: `${row('it')}\n` }]);
    anchors.settle(keys, at('k', 4));
    assert.equal(anchors.place('k')?.line, 4);
    anchors.edited([{ range: range(2, 4), text: '' }]);
    assert.equal(anchors.place('k')?.line, 2, 'rows above were deleted');
  });
});

describe('notes beside a dataset', () => {
  let folder: string;
  let dataset: string;
  let store: NoteStore;
  let minutes = 0;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'latro-'));
    dataset = path.join(folder, 'train.jsonl');
    store = new NoteStore(
      new NodeFileSystem(),
      () => new Date(60_000 * minutes++).toISOString(),
      () => 'ada',
    );
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('are written, edited, moved along with an edited row and taken away', async () => {
    assert.deepEqual(await store.of(dataset), []);
    await Promise.all([
      store.add(dataset, 'a', 'first'),
      store.add(dataset, 'b', 'second'),
      store.add(dataset, 'a', 'third'),
    ]);
    const texts = async () =>
      (await store.of(dataset)).map(({ rowKey, text, author }) => `${rowKey} ${text} ${author}`);
    assert.deepEqual(await texts(), ['a first ada', 'b second ada', 'a third ada']);
    const [first, second] = await store.of(dataset);
    await store.edit(dataset, first!.id, 'first, again');
    assert.notEqual((await store.of(dataset))[0]?.time, first!.time);
    await store.moveAlong(dataset, new Map([['a', 'c']]));
    await store.remove(dataset, second!.id);
    assert.deepEqual(await texts(), ['c first, again ada', 'c third ada']);
    await store.edit(dataset, first!.id, '  ');
    assert.deepEqual(await texts(), ['c third ada']);
    const file = JSON.parse(await readFile(notesFile(dataset), 'utf8'));
    assert.deepEqual([file.version, file.notes.length], [1, 1]);
  });

  it('are not written where nothing moves along: a row with a rating alone has none', async () => {
    await store.moveAlong(dataset, new Map([['a', 'c']]));
    assert.equal(existsSync(notesFile(dataset)), false);
    await store.add(dataset, 'b', 'second');
    const before = await readFile(notesFile(dataset), 'utf8');
    await writeFile(notesFile(dataset), before.trim());
    await store.moveAlong(dataset, new Map([['a', 'c']]));
    assert.equal(await readFile(notesFile(dataset), 'utf8'), before.trim());
  });

  it('are stored before it is known who writes, and signed once it is', async () => {
    let tell: (author: string) => void = assert.fail;
    const asked = new Promise<string>((resolve) => {
      tell = resolve;
    });
    const slow = new NoteStore(
      new NodeFileSystem(),
      () => '2026-01-02T03:04:05.000Z',
      () => asked,
    );
    const adding = Promise.all([slow.add(dataset, 'a', 'first'), slow.add(dataset, 'a', 'second')]);
    const stored = async () => (await slow.of(dataset)).map(({ text, author }) => `${text} by ${author}`);
    await eventually(async () => (await stored()).length === 2);
    assert.deepEqual(await stored(), ['first by ', 'second by ']);
    tell('ada');
    await adding;
    assert.deepEqual(await stored(), ['first by ada', 'second by ada']);
  });

  it('that cannot be read are named instead of lost', async () => {
    await writeFile(notesFile(dataset), '{"version": 1, "notes": [{}]}');
    await expectLatroError(() => store.add(dataset, 'a', 'x'), 'dataset-format', /train\.jsonl\.notes\.json/);
    assert.equal(await readFile(notesFile(dataset), 'utf8'), '{"version": 1, "notes": [{}]}');
  });
});
