/** Rows of a `.json` dataset in the editor: over several lines, or several of them on one. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type JsonRowSource, jsonRowSources } from '../../src/engine/datasets/json_row_sources.ts';
import { findRow, jsonRows, nearestFirst, nearestRow, rowAt } from '../../src/extension/dataset/dataset_rows.ts';
import { comparePlaces } from '../../src/extension/dataset/place.ts';
import { DocumentIndex } from '../../src/extension/inline/document_index.ts';
import type { RowAt } from '../../src/extension/inline/json_row_places.ts';
import { NoteAnchors } from '../../src/extension/notes/note_anchors.ts';
import { FakeDocument, type Place } from '../support/text_document.ts';

const row = (n: number) => ({ question: `${n} + 1?`, answer: String(n + 1) });
const rows = (count: number) => Array.from({ length: count }, (_, n) => row(n));

/** Ways people write the same rows. */
const LAYOUTS = {
  pretty: (all: readonly object[]) => JSON.stringify(all, null, 2),
  'a row a line': (all: readonly object[]) => `[\n${all.map((each) => `  ${JSON.stringify(each)}`).join(',\n')}\n]`,
  minified: (all: readonly object[]) => JSON.stringify(all),
  'braces that share a line': (all: readonly object[]) => JSON.stringify(all, null, 1).replaceAll('},\n {', '}, {'),
  'two rows a line': (all: readonly object[]) =>
    `{"name": "x", "rows": [\n${all.map((each, n) => `${JSON.stringify(each)},${n % 2 ? '\n' : ' '}`).join('')}`
      .trimEnd()
      .slice(0, -1)
      .concat(']}'),
};
const layout = fc.constantFrom(...(Object.keys(LAYOUTS) as (keyof typeof LAYOUTS)[]));

const documentOf = (text: string) => new FakeDocument('/d/rows.json', text.split('\n'));

async function indexOf(document: FakeDocument): Promise<DocumentIndex<FakeDocument>> {
  const index = new DocumentIndex(document, () => {});
  await index.readNow();
  return index;
}

function placeOf(document: FakeDocument, text: string): Place {
  const line = document.lines.findIndex((each) => each.includes(text));
  return { line, character: document.lines[line]!.indexOf(text) };
}

describe('the row at a place of a JSON document', () => {
  it('is the one around it, and on a line that it shares with no other it is that one at every column', () => {
    fc.assert(
      fc.property(layout, fc.integer({ min: 1, max: 6 }), (name, count) => {
        const document = documentOf(LAYOUTS[name](rows(count)));
        const { sources } = jsonRowSources(document.getText());
        assert.equal(sources.length, count);
        for (const [line, text] of document.lines.entries()) {
          const there = sources.filter((source) => source.line - 1 <= line && line <= source.endLine - 1);
          for (let character = 0; character <= text.length; character++) {
            const around = there.filter(
              (source) =>
                comparePlaces({ line: source.line - 1, character: source.column - 1 }, { line, character }) <= 0 &&
                comparePlaces({ line, character }, { line: source.endLine - 1, character: source.endColumn - 1 }) <= 0,
            );
            const expected = around[0] ?? (there.length === 1 ? there[0] : undefined);
            const found = rowAt(document, { line, character });
            if (there.length === 0) assert.equal(found.kind, 'no-row');
            else assert.equal(found.kind, 'row');
            if (expected !== undefined) assert.equal(found.kind === 'row' && found.text, expected.text);
          }
        }
      }),
    );
  });

  it('is found again by its key, at its own column', async () => {
    for (const [name, write] of Object.entries(LAYOUTS)) {
      const document = documentOf(write(rows(5)));
      for (const n of [0, 1, 4]) {
        const at = placeOf(document, `${n} + 1?`);
        const found = rowAt(document, at);
        assert.ok(found.kind === 'row' && found.row.question === `${n} + 1?`, name);
        const start = (await findRow(document, found.row.rowKey, 0))!;
        assert.equal(document.lines[start.line]![start.character], '{', name);
        assert.deepEqual(rowAt(document, start), found, name);
        assert.equal((await nearestRow(document, at, () => true))?.question, `${n} + 1?`, name);
      }
    }
  });
});

describe('rows of a JSON document outwards from a place', () => {
  /** Rows over one line or several, and what stands behind each. */
  const written = fc.array(
    fc.record({ indent: fc.constantFrom(0, 1), behind: fc.constantFrom(',', ', ', ',\n', ',\n\n\n') }),
    { maxLength: 12 },
  );

  /** By lines, then on the line of the place by characters; the order of the document otherwise. */
  const sorted = (sources: readonly JsonRowSource[], { line, character }: Place): readonly JsonRowSource[] => {
    const distance = ({ line: first, column, endLine: last, endColumn }: JsonRowSource): [number, number] => {
      if (last - 1 < line) return [line - (last - 1), 0];
      if (first - 1 > line) return [first - 1 - line, 0];
      const [from, to] = [first - 1 < line ? 0 : column - 1, last - 1 > line ? Infinity : endColumn - 1];
      return [0, character < from ? from - character : character > to ? character - to : 0];
    };
    return sources.toSorted((a, b) => {
      const [one, other] = [distance(a), distance(b)];
      return one[0] - other[0] || one[1] - other[1];
    });
  };

  it('come in the order that sorting them all by their distance gives', () => {
    fc.assert(
      fc.property(written, fc.boolean(), fc.nat(30), fc.nat(60), (all, isOnFirst, line, character) => {
        const last = all.length - 1;
        const texts = all.map(
          ({ indent, behind }, n) => `${JSON.stringify(row(n), null, indent)}${n < last ? behind : ''}`,
        );
        const { sources } = jsonRowSources(`[${isOnFirst ? '' : '\n'}${texts.join('')}]`);
        assert.equal(sources.length, all.length);
        const place = { line, character };
        assert.deepEqual([...nearestFirst(sources, place)], sorted(sources, place));
      }),
      { numRuns: 500 },
    );
  });

  it('are not all looked at where the nearest is enough', () => {
    const { sources } = jsonRowSources(LAYOUTS['a row a line'](rows(10_000)));
    let looks = 0;
    const counted = new Proxy(sources, {
      get: (target, key) => {
        looks++;
        return Reflect.get(target, key);
      },
    });
    const [nearest] = nearestFirst(counted, { line: 7000, character: 5 });
    assert.equal(nearest, sources[6999]);
    assert.ok(looks < 100, `${looks} of ${sources.length}`);
  });
});

describe('results of a JSON document', () => {
  const places = async (name: keyof typeof LAYOUTS): Promise<{ document: FakeDocument; found: RowAt[] }> => {
    const document = documentOf(LAYOUTS[name](rows(3)));
    const index = await indexOf(document);
    const found = await index.rowsIn(0, document.lineCount - 1);
    index.dispose();
    return { document, found };
  };

  for (const name of ['pretty', 'a row a line', 'braces that share a line'] as const) {
    it(`stand behind the first line of each row: ${name}`, async () => {
      const { document, found } = await places(name);
      assert.equal(found.length, 3);
      for (const { start, shownAt } of found)
        assert.deepEqual(shownAt, { line: start.line, character: document.lines[start.line]!.length });
      assert.equal(new Set(found.map(({ shownAt }) => shownAt.line)).size, 3);
    });
  }

  it('stand behind the closing brace of each row where several share a line', async () => {
    for (const name of ['minified', 'two rows a line'] as const) {
      const { document, found } = await places(name);
      const shared = name === 'minified' ? found : found.slice(0, 2);
      const { sources } = jsonRows(document);
      for (const [n, { shownAt }] of shared.entries()) {
        assert.deepEqual(shownAt, { line: sources[n]!.endLine - 1, character: sources[n]!.endColumn - 1 });
        assert.equal(document.lines[shownAt.line]![shownAt.character - 1], '}');
      }
    }
  });

  it('move with their rows until these are found anew, and are as those of a new index then', async () => {
    const edit = fc.record({ at: fc.nat(400), text: fc.constantFrom(' ', '\n', '\n  ', ' \n\n') });
    await fc.assert(
      fc.asyncProperty(layout, fc.array(edit, { minLength: 1, maxLength: 5 }), async (name, edits) => {
        const document = documentOf(LAYOUTS[name](rows(4)));
        const index = await indexOf(document);
        const keysAt = async (of: DocumentIndex<FakeDocument>) =>
          (await of.rowsIn(0, document.lineCount - 1)).map(({ rowKey, start }) => ({ rowKey, start }));
        for (const { at, text } of edits) {
          // Between two rows, where space says nothing.
          const source = jsonRowSources(document.getText()).sources[at % 4]!;
          const before = { line: source.line - 1, character: source.column - 1 };
          index.edited(document.edit(before, before, text));
        }
        const fresh = await indexOf(document);
        assert.deepEqual(await keysAt(index), await keysAt(fresh), 'before it was read again');
        await index.readNow();
        assert.deepEqual(await index.rowsIn(0, 99), await fresh.rowsIn(0, 99));
        for (const each of [index, fresh]) each.dispose();
      }),
      { numRuns: 60 },
    );
  });
});

describe('problems of a JSON document', () => {
  it('are those of the row at the cursor where several share a line, and of a whole line all of them', async () => {
    const all = [row(0), { question: '1 + 1?' }, row(2), { question: '3 + 1?', answer: '' }];
    const document = documentOf(JSON.stringify(all));
    const index = await indexOf(document);
    const codesAt = (start: Place, end = start) => index.problemsIn(start, end).map(({ code }) => code);
    const at = (n: number) => placeOf(document, `${n} + 1?`);
    assert.deepEqual(
      [0, 1, 2, 3].map((n) => codesAt(at(n))),
      [[], ['missing-field'], [], ['empty-field']],
    );
    assert.deepEqual(codesAt(at(0), at(1)), ['missing-field']);
    const line = { line: 0, character: document.lines[0]!.length };
    assert.deepEqual(codesAt({ line: 0, character: 0 }, line), ['missing-field', 'empty-field']);
    index.dispose();
    const pretty = documentOf(JSON.stringify(all, null, 2));
    const indexOfPretty = await indexOf(pretty);
    const brace = { line: placeOf(pretty, '1 + 1?').line - 1, character: 0 };
    assert.deepEqual(
      indexOfPretty.problemsIn(brace, brace).map(({ code }) => code),
      ['missing-field'],
    );
    indexOfPretty.dispose();
  });
});

describe('notes on rows of a JSON document', () => {
  /** The anchors of a note on one of the rows, the third by default. */
  const noted = async (document: FakeDocument, n = 2) => {
    const index = await indexOf(document);
    const found = rowAt(document, placeOf(document, `${n} + 1?`));
    assert.ok(found.kind === 'row');
    const key = found.row.rowKey;
    const keys = new Set([key]);
    const anchors = new NoteAnchors(false);
    anchors.settle(keys, index.find(keys));
    const edit = (start: Place, end: Place, text: string) => {
      const changes = document.edit(start, end, text);
      index.edited(changes);
      anchors.edited(changes);
    };
    const settle = async () => {
      await index.readNow();
      anchors.settle(keys, index.find(keys));
    };
    return { index, key, anchors, edit, settle };
  };
  const spanOf = (document: FakeDocument, n: number): { readonly start: Place; readonly end: Place } => {
    const { line, column, endLine, endColumn } = jsonRows(document).sources[n]!;
    return { start: { line: line - 1, character: column - 1 }, end: { line: endLine - 1, character: endColumn - 1 } };
  };

  for (const [name, write] of Object.entries(LAYOUTS)) {
    it(`are kept while other rows are edited, sorted and deleted: ${name}`, async () => {
      const document = documentOf(write(rows(5)));
      const { index, key, anchors, edit, settle } = await noted(document);
      const isThere = (what: string) => {
        assert.equal(anchors.adrift.size, 0, what);
        const found = rowAt(document, anchors.place(key)!);
        assert.equal(found.kind === 'row' && found.row.question, '2 + 1?', what);
      };
      const first = placeOf(document, '0 + 1?');
      edit(first, first, 'Now, ');
      await settle();
      isThere('another was edited');
      const { removal } = jsonRows(document).sources[1]!;
      edit(
        { line: removal!.line - 1, character: removal!.column - 1 },
        { line: removal!.endLine - 1, character: removal!.endColumn - 1 },
        '',
      );
      await settle();
      isThere('another was deleted');
      const last = { line: document.lineCount - 1, character: document.lines.at(-1)!.length };
      edit({ line: 0, character: 0 }, last, write([4, 2, 0, 3].map(row)));
      await settle();
      isThere('all were sorted');
      index.dispose();
    });

    it(`follow their own row while it is edited: ${name}`, async () => {
      const document = documentOf(write(rows(5)));
      const { index, key, anchors, edit, settle } = await noted(document);
      const at = placeOf(document, '2 + 1?');
      edit(at, at, 'Well: ');
      await settle();
      assert.deepEqual([...anchors.adrift.keys()], [key]);
      const before = placeOf(document, '0 + 1?');
      edit(before, before, 'Before it: ');
      await settle();
      const now = rowAt(document, placeOf(document, 'Well: '));
      assert.ok(now.kind === 'row');
      assert.equal(index.keyAt(anchors.adrift.get(key)!), now.row.rowKey);
      // As a whole: by a formatter, or from the clipboard.
      const { start, end } = spanOf(document, 2);
      edit(start, end, JSON.stringify({ question: 'written anew?', answer: '3' }));
      await settle();
      const anew = rowAt(document, placeOf(document, 'written anew?'));
      assert.equal(index.keyAt(anchors.adrift.get(key)!), anew.kind === 'row' && anew.row.rowKey);
      index.dispose();
    });

    it(`are let go of with their row, and are never those of the row after it: ${name}`, async () => {
      const document = documentOf(write(rows(5)));
      const { index, key, anchors, edit, settle } = await noted(document);
      // What the quick fix of a bad row deletes: up to the next row's beginning.
      edit(spanOf(document, 2).start, spanOf(document, 3).start, '');
      await settle();
      assert.equal(anchors.place(key), undefined);
      assert.equal(anchors.adrift.size, 0);
      index.dispose();
    });
  }
});
