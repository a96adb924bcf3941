import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { shownLines } from '../../src/extension/common/shown_text.ts';

const source = path.resolve(import.meta.dirname, '../../src/extension');

describe('plain text in Markdown', () => {
  it('is a paragraph a line, and keeps the spaces at which it is wrapped', () => {
    assert.equal(shownLines(['two words', '', '*so* many']), 'two words\n\n\\*so\\* many');
  });

  it("is never written by VS Code's own way, after which tooltips break in the middle of words", () => {
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const others = files.filter((name) =>
      readFileSync(path.join(source, name), 'utf8')
        .replaceAll(/new vscode\.SnippetString\(\).*/g, '')
        .includes('.appendText('),
    );
    assert.ok(files.length > 50);
    assert.deepEqual(others, []);
  });
});
