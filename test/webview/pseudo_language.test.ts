/** The panels in a language of which nobody knows a word: what is still in English does not come from the strings, and is never translated. */
import assert from 'node:assert/strict';
import { defaultStrings } from '../../webview/strings.ts';
import { comparisonSnapshot } from './fixtures/comparison.ts';
import { busySnapshot, keptSnapshot } from './fixtures/rationales.ts';
import { strategySnapshot, trainingSnapshot } from './fixtures/run_events.ts';
import type { PanelName } from './harness.ts';
import { PanelUnderTest } from './panel_under_test.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const OTHERS = [...'áƀćđéƒǵħíĵķłḿńóṕɋŕśťúṽŵẋýžÁƁĆĐÉƑǴĦÍĴĶŁḾŃÓṔɊŔŚŤÚṼŴẊÝŽ'];
const pseudo = (text: string): string => text.replaceAll(/[a-zA-Z]/g, (letter) => OTHERS[LETTERS.indexOf(letter)]!);
const strings = Object.fromEntries(Object.entries(defaultStrings).map(([key, text]) => [key, pseudo(text)]));

/** Names of mathematics, methods and units, which are the same in every language. */
const SAME_EVERYWHERE = new Set(['log', 'exp', 'clip', 'std', 'min', 'Binomial', 'maj', 'pass']);

/** Texts of a page and of everything that explains itself in it. */
const COLLECT = `(() => {
  const found = new Set();
  const attributes = ['title', 'aria-label', 'placeholder', 'aria-valuetext', 'aria-roledescription', 'aria-description', 'alt'];
  const take = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (!/^(SCRIPT|STYLE)$/.test(node.parentElement.tagName)) found.add(node.textContent);
    }
    for (const element of root.querySelectorAll('*')) {
      for (const name of attributes) if (element.hasAttribute(name)) found.add(element.getAttribute(name));
    }
  };
  take(document.body);
  const bubble = document.getElementById('tooltip');
  let explained = 0;
  for (const element of document.querySelectorAll('[data-tip]')) {
    if (!element.hasAttribute('tabindex')) element.setAttribute('tabindex', '-1');
    element.focus({ preventScroll: true });
    if (bubble.hidden) continue;
    explained++;
    take(bubble);
  }
  return { texts: [...found], explained };
})()`;

/** All texts of a snapshot: what people, models and files say is shown as it is. */
function dataOf(value: unknown): string[] {
  if (typeof value === 'string') return [value.trim()];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => [key, ...dataOf(each)]);
}

function englishIn(texts: readonly string[], snapshot: unknown): string[] {
  const data = new Set(dataOf(snapshot));
  const long = [...data].filter((each) => each.length > 6).sort((a, b) => b.length - a.length);
  return texts.flatMap((text) => {
    if (data.has(text.trim())) return [];
    const quoted = text.replaceAll(/“([^”]*)”/g, (whole, inner: string) => (data.has(inner.trim()) ? ' ' : whole));
    const own = long.reduce((rest, value) => rest.replaceAll(value, ' '), quoted);
    const words = own.match(/[A-Za-z]{3,}/g)?.filter((word) => !SAME_EVERYWHERE.has(word)) ?? [];
    return words.length === 0 ? [] : [text];
  });
}

describe('panels in another language', function () {
  this.timeout(60_000);
  const panel = new PanelUnderTest();

  /** In the order of the extension: the strings before anything that is shown. */
  const readIn = async (name: PanelName, snapshots: readonly unknown[]): Promise<void> => {
    await panel.open(name, { width: name === 'rationale_panel' ? 400 : 1100 });
    // A language whose dates have no words of Latin letters.
    await panel.send({ type: 'strings', locale: 'ja', strings });
    let explained = 0;
    for (const snapshot of snapshots) {
      await panel.send({ type: 'snapshot', snapshot });
      // What gets the focus by script shows its explanation only where the keyboard was used last.
      await panel.page.keyboard.press('Tab');
      const found = (await panel.page.evaluate(COLLECT)) as { texts: string[]; explained: number };
      assert.ok(
        found.texts.some((text) => /[áéíóú]/.test(text)),
        'the strings are in use',
      );
      assert.deepEqual(englishIn(found.texts, snapshot), []);
      explained += found.explained;
    }
    assert.ok(explained > 5, `only ${explained} things explained themselves`);
  };

  it('have nothing in English: the side panel', () =>
    readIn('rationale_panel', [{ kind: 'empty', why: 'no-row' }, busySnapshot, keptSnapshot]));

  it('have nothing in English: the run dashboard', () =>
    readIn('dashboard_panel', [trainingSnapshot, strategySnapshot]));

  it('have nothing in English: the accuracy diff', () =>
    readIn('accuracy_panel', [{ ...comparisonSnapshot, labels: { before: 'Weights-A', after: 'Weights-B' } }]));
});
