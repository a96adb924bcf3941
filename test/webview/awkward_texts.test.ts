/** The side panel in Chromium with texts as datasets, models, people and file systems have them: endless words, and words from right to left. */
import assert from 'node:assert/strict';
import type { RationaleQuestion, RationaleSet } from '../../src/protocol/rationale_messages.ts';
import { busySnapshot, keptSnapshot, questionSnapshot, strategiesSnapshot } from './fixtures/rationales.ts';
import { PanelUnderTest } from './panel_under_test.ts';

const WIDTH = 300;
const ENDLESS = 'x'.repeat(200);
const HEBREW = 'כמה צדפים נשארו, 3 או 4?';
/** What follows it in the same line runs from right to left, unless it is kept apart. */
const TURNED = `abc \u202e12`;

/** `snapshot` with this text wherever a text is not the panel's own. */
function saying(text: string, snapshot: RationaleQuestion): RationaleQuestion {
  const set = (of: RationaleSet | null): RationaleSet | null =>
    of && {
      ...of,
      rationales: of.rationales.map((each) => ({
        ...each,
        rating: { verdict: 'useful', note: text },
        record: {
          ...each.record,
          text,
          extractedAnswer: text,
          tokens: each.record.tokens.map((token) => ({ ...token, text })),
          answerTokens: each.record.answerTokens.map((token) => ({ ...token, text })),
        },
      })),
    };
  return {
    ...snapshot,
    dataset: `data/${text}.jsonl`,
    question: text,
    goldAnswer: text,
    run: text,
    runs: [text],
    current: set(snapshot.current),
    comparison: set(snapshot.comparison),
    stages: snapshot.stages.map((stage) => ({
      ...stage,
      figures: stage.figures && { ...stage.figures, majority: text, best: { ...stage.figures.best, text } },
    })),
    strategyNames: Object.fromEntries(Object.keys(snapshot.strategyNames).map((number) => [number, text])),
    failure: { code: 'internal', reason: text, nextStep: text, actions: ['open-log'] },
  };
}

describe('rationale panel: awkward texts', function () {
  this.timeout(60_000);
  const panel = new PanelUnderTest();
  const state = { sort: { by: 'sample', descending: false }, wordDiff: false, stagesOpen: true, legendOpen: true };
  const open = async (snapshot: RationaleQuestion, wordDiff = false) => {
    const { page } = await panel.open('rationale_panel', { width: WIDTH, snapshot, state: { ...state, wordDiff } });
    if (snapshot.activity === null) await page.getByRole('button', { name: 'Sample again' }).click();
    const first = page.locator('.rationale.open').first();
    for (const name of ['Note', 'Edit']) await first.getByRole('button', { name, exact: true }).click();
    return page;
  };

  for (const [text, snapshot, wordDiff] of [
    [ENDLESS, questionSnapshot, false],
    [ENDLESS, strategiesSnapshot, false],
    [ENDLESS, keptSnapshot, true],
    [HEBREW, busySnapshot, false],
  ] as const) {
    it(`leaves nothing to scroll sideways, line ${snapshot.line} with ${text.slice(0, 4)}…`, async () => {
      const page = await open(saying(text, snapshot), wordDiff);
      // As a string: what the loader makes of a function is not known in the page.
      const wide = await page.evaluate(`(() => {
          scrollTo(0, 0);
          const isCut = (each) => each !== null && (getComputedStyle(each).overflowX !== 'visible' || isCut(each.parentElement));
          const leaves = (each) => {
            const { left, right, width } = each.getBoundingClientRect();
            return width > 0 && (right > ${WIDTH} + 0.5 || left < -0.5) && !isCut(each.parentElement);
          };
          return [...document.querySelectorAll('main *')]
            .filter((each) => leaves(each) && ![...each.children].some(leaves))
            .map((each) => each.tagName + '.' + each.getAttribute('class') + ' in ' + each.parentElement.getAttribute('class'));
        })()`);
      assert.deepEqual(wide, []);
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), WIDTH);
      await panel.picture(`awkward-${snapshot.line}`);
    });
  }

  it('lets words run as they are read: in question, answer, rationale, note, and while they are typed', async () => {
    const page = await open(saying(HEBREW, questionSnapshot));
    const runs = (way: 'rtl' | 'ltr', css: string) => page.locator(`${css}:dir(${way})`).count();
    const texts = [
      'h1',
      '.gold .answer',
      '.rationale .text',
      '.toggle .answer',
      '.note bdi',
      '.stage .best .text span',
    ];
    for (const css of [...texts, '.edit-form textarea', '.note-form input'])
      assert.ok((await runs('rtl', css)) > 0, css);
    for (const css of ['main', '.where bdi', '.sampling-form input']) assert.ok((await runs('ltr', css)) > 0, css);
  });

  it('lets no text turn round what stands beside it', async () => {
    const page = await open(saying(TURNED, questionSnapshot));
    /** Whether the last `count` characters of what it says stand from left to right. */
    const inOrder = (css: string, count: number) =>
      page.evaluate(`(() => {
        const text = document.createTreeWalker(document.querySelector('${css}'), NodeFilter.SHOW_TEXT);
        while (text.nextNode()) {}
        const { currentNode: last } = text;
        const at = Array.from({ length: ${count} }, (_, i) => {
          const range = document.createRange();
          range.setStart(last, last.length - ${count} + i);
          range.setEnd(last, last.length - ${count} + i + 1);
          return range.getBoundingClientRect().left;
        });
        return at.every((left, i) => i === 0 || left > at[i - 1]);
      })()`);
    assert.ok(await inOrder('.where .link', ':17'.length), 'the line of the file');
    assert.ok(await inOrder('.prefix .figure', 'token 23'.length), 'after a token in quotes');
  });
});
