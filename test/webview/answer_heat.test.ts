/** The heat map of the answer and the tokens of a rationale, in Chromium: every number, bar, sum and underline against the record's own figures. */
import assert from 'node:assert/strict';
import type { RationaleQuestion, RationaleView } from '../../src/protocol/rationale_messages.ts';
import type { AnswerTokenRecord } from '../../src/protocol/records.ts';
import { probability, significant } from '../../webview/format.ts';
import { questionSnapshot } from './fixtures/rationales.ts';
import { PanelUnderTest } from './panel_under_test.ts';

/** As the panel writes them, in the minus signs and spaces of this file. */
const plain = (text: string): string => text.replaceAll('−', '-').replaceAll(/\s+/g, ' ').trim();
const figure = (value: number, digits: number): string => value.toFixed(digits).replace(/^-(?=[0.]+$)/, '');
const signed = (value: number, digits: number): string => `${value > 0 ? '+' : ''}${figure(value, digits)}`;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

interface DrawnCell {
  readonly token: string;
  readonly numbers: readonly string[];
  readonly bars: Readonly<Record<string, number>>;
  /** Height of a full bar. */
  readonly full: number;
}

/** How bars and the keys beside their names look: inside filled or not, and whether a line goes round them. */
const LOOKS = `(selector) => [...document.querySelectorAll(selector)].map((element) => {
  const { backgroundColor, borderBottomStyle, borderBottomWidth } = getComputedStyle(element);
  return { filled: backgroundColor !== 'rgba(0, 0, 0, 0)', line: borderBottomStyle === 'solid' && borderBottomWidth === '1px' };
})`;

describe('rationale panel: heat map and tokens', function () {
  this.timeout(60_000);
  const panel = new PanelUnderTest();
  const open = async (snapshot: RationaleQuestion) => {
    return (await panel.open('rationale_panel', { snapshot })).page;
  };
  const row = (id: string) => panel.page.locator(`tbody[data-rationale="${id}"]`);
  const openRow = async (id: string): Promise<void> => {
    if ((await row(id).getAttribute('class'))?.includes('open') !== true) await row(id).locator('.toggle').click();
    await row(id).locator('.heat').waitFor();
  };
  const tip = async (): Promise<string[]> => {
    const shown = panel.page.getByRole('tooltip');
    await shown.waitFor();
    return (await shown.innerText()).split('\n').map(plain);
  };
  const cellsOf = (id: string, group: number) =>
    panel.page.evaluate<DrawnCell[]>(
      `[...[...document.querySelectorAll('tbody[data-rationale="${id}"] .heat-group')][${group}].querySelectorAll('.cell')].map((cell) => ({
        token: cell.querySelector('.token').textContent,
        numbers: [...cell.querySelectorAll('.number')].map((number) => number.textContent),
        bars: Object.fromEntries([...cell.querySelectorAll('.bar')].map((bar) => [bar.classList[1], bar.getBoundingClientRect().height])),
        full: cell.querySelector('.bars').clientHeight,
      }))`,
    );

  /** The fixture's records, and one whose answer has three tokens: beyond a full bar, not scored without, and better without. */
  const longAnswer: readonly AnswerTokenRecord[] = [
    { id: 40, text: ' 1', part: 'answer', logProb: -1.25, logProbWithoutRationale: -7.5 },
    { id: 41, text: '0', part: 'answer', logProb: -6.125, logProbWithoutRationale: -2.25 },
    { id: 42, text: '9', part: 'answer', logProb: -0.5, logProbWithoutRationale: -1.75 },
  ];
  const withAnswer = (answer: readonly AnswerTokenRecord[]): RationaleQuestion => {
    const snapshot = structuredClone(questionSnapshot);
    const { record } = snapshot.current!.rationales[0]!;
    const template = record.answerTokens.filter(({ part }) => part === 'template');
    record.answerTokens = [...template.slice(0, 3), ...answer, ...template.slice(3)];
    record.answerLogProb = sum(answer.map(({ logProb }) => logProb ?? 0));
    return snapshot;
  };
  const unscored = withAnswer(
    longAnswer.map((token, i) => (i === 1 ? { ...token, logProbWithoutRationale: null } : token)),
  );

  for (const [what, snapshot, id] of [
    ['a rationale', questionSnapshot, 'step-40/0'],
    ['another, with a wrong answer', questionSnapshot, 'step-40/2'],
    ['an answer of three tokens', withAnswer(longAnswer), 'step-40/0'],
    ['an answer token that was not scored without', unscored, 'step-40/0'],
  ] as const)
    it(`draws both log-probabilities of every token and both sums: ${what}`, async () => {
      const page = await open(snapshot);
      await openRow(id);
      const { record } = snapshot.current!.rationales.find((each) => each.id === id)!;
      for (const [group, part] of (['answer', 'template'] as const).entries()) {
        const tokens = record.answerTokens.filter((token) => token.part === part);
        const drawn = await cellsOf(id, group);
        assert.equal(drawn.length, tokens.length);
        for (const [i, cell] of drawn.entries()) {
          const { text, logProb, logProbWithoutRationale: bare } = tokens[i]!;
          assert.equal(cell.token, text === '<|im_end|>' ? '⟨end⟩' : text.trim());
          const both = bare === null ? [logProb!] : [logProb!, bare];
          assert.deepEqual(
            cell.numbers.map(plain),
            both.map((value) => figure(value, 2)),
            cell.token,
          );
          assert.deepEqual(Object.keys(cell.bars), bare === null ? ['with'] : ['with', 'without']);
          for (const [bar, value] of [
            ['with', logProb!],
            ['without', bare],
          ] as const) {
            if (value === null) continue;
            const expected = Math.max(1, Math.min(1, -value / 5) * cell.full);
            const height = cell.bars[bar]!;
            assert.ok(Math.abs(height - expected) < 0.1, `${bar} of ${cell.token}: ${height} for ${expected}`);
          }
        }
        const label = page.locator(`tbody[data-rationale="${id}"] .heat-label`).nth(group);
        const withIt = sum(tokens.map(({ logProb }) => logProb!));
        const bare = tokens.map(({ logProbWithoutRationale }) => logProbWithoutRationale);
        const known = bare.filter((value) => value !== null);
        const without = sum(known);
        assert.equal(await label.locator('.name').innerText(), part);
        assert.deepEqual(
          (await label.locator('.number').allInnerTexts()).map(plain),
          known.length < bare.length
            ? [`Σ ${figure(withIt, 2)}`]
            : [`Σ ${figure(withIt, 2)}`, `without ${figure(without, 2)}, gain ${signed(withIt - without, 2)}`],
        );
      }
    });

  it('fills what is with the rationale and outlines what is without, and the legend says which is which', async () => {
    const page = await open(questionSnapshot);
    await openRow('step-40/0');
    const looks = (selector: string) => page.evaluate<unknown[]>(`(${LOOKS})('.rationale.open ${selector}')`);
    for (const [of, filled] of [
      ['with', true],
      ['without', false],
    ] as const) {
      const bars = await looks(`.bar.${of}`);
      assert.equal(bars.length, 6);
      for (const { filled: inside } of bars as { filled: boolean }[]) assert.equal(inside, filled, of);
      const [key] = (await looks(`.heat .key.${of}`)) as { filled: boolean; line: boolean }[];
      assert.deepEqual(key, { filled, line: true });
    }
    for (const { line } of (await looks('.bar.without')) as { line: boolean }[]) assert.ok(line, 'an outline');
    const named = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.rationale.open .heat .key')].map((key) => key.classList[1] + ': ' + key.nextSibling.textContent)`,
    );
    assert.deepEqual(named, ['with: log p given this rationale', 'without: without any rationale']);
  });

  it('says both log-probabilities and the gain of each answer token, by keyboard', async () => {
    const snapshot = unscored;
    const page = await open(snapshot);
    await openRow('step-40/0');
    const { answerTokens } = snapshot.current!.rationales[0]!.record;
    const inOrder = (['answer', 'template'] as const).flatMap((part) =>
      answerTokens.filter((token) => token.part === part),
    );
    // From the button before the cells on: a focus that the keyboard gave is a visible one.
    await row('step-40/0').locator('figcaption .figure').focus();
    await page.keyboard.press('Tab');
    for (const { text, part, logProb, logProbWithoutRationale: bare } of inOrder) {
      const name = text === '<|im_end|>' ? '⟨end⟩' : text.trim();
      const [title, formula, numbers, said] = await tip();
      assert.equal(title, `${part === 'answer' ? 'Answer' : 'Template'} token “${name}”`);
      assert.match(formula!, /^log π\(yt \| x, z, y<t\)$/);
      assert.equal(numbers, plain(`${figure(logProb!, 3)} p = ${probability(logProb!)}`));
      const gain = bare === null ? '' : signed(logProb! - bare, 3);
      assert.equal(
        said,
        bare === null
          ? 'Not scored without the rationale.'
          : plain(
              `Without the rationale: ${figure(bare, 3)} (p = ${probability(bare)}). The rationale is worth ${gain}.`,
            ),
      );
      await page.keyboard.press('ArrowRight');
    }
  });

  it('says log p, weight and where the answer stands of each rationale token, by keyboard', async () => {
    const page = await open(questionSnapshot);
    await openRow('step-40/0');
    const { record, prefixScores } = questionSnapshot.current!.rationales[0]!;
    await row('step-40/0').locator('.weight .figure').focus();
    await page.keyboard.press('Tab');
    for (const [i, { text, logProb }] of record.tokens.entries()) {
      const [title, formula, numbers, said] = await tip();
      assert.equal(title, plain(`Rationale token “${text.trim()}”`));
      assert.match(formula!, /^log π\(zt \| x, z<t\)$/);
      assert.equal(numbers, plain(`${figure(logProb!, 3)} p = ${probability(logProb!)}`), text);
      const { weight } = record;
      const prefix = prefixScores!.find(({ tokens }) => tokens === i + 1)!.logProb;
      const w = plain(`${weight! > 0 ? '+' : ''}${significant(weight!)}`);
      assert.equal(
        said,
        plain(
          `Weight in the update: w = ${w}, the same for every token of this rationale. With the rationale up to here, log p(y | x, z≤t) = ${figure(prefix, 2)} (p = ${probability(prefix)}).`,
        ),
      );
      await page.keyboard.press('ArrowRight');
    }
  });

  it('underlines four kinds of token in four ways that differ without colour, as the legend has them', async () => {
    const page = await open(questionSnapshot);
    // Without colour, because none of the four may be told apart by it alone.
    const looks = (selector: string) =>
      page.evaluate<{ text: string; look: string }[]>(
        `[...document.querySelectorAll('${selector}')].map((token) => {
          const { textDecorationLine, textDecorationStyle, textDecorationThickness } = getComputedStyle(token);
          const look = textDecorationLine === 'none' ? 'none' : [textDecorationLine, textDecorationStyle, textDecorationThickness].join(' ');
          return { text: token.textContent, look };
        })`,
      );
    const legend = await looks('.legend.tokens .token');
    assert.deepEqual(
      legend.map(({ text }) => text),
      ['≥ 90 %', '≥ 50 %', '≥ 10 %', '< 10 %'],
    );
    assert.equal(new Set(legend.map(({ look }) => look)).size, 4, JSON.stringify(legend));
    const kindOf = (p: number): number => [0.9, 0.5, 0.1, 0].findIndex((least) => p >= least);
    const seen = new Set<number>();
    for (const { id, record } of questionSnapshot.current!.rationales as readonly RationaleView[]) {
      await openRow(id);
      const drawn = await looks(`tbody[data-rationale="${id}"] .text .token`);
      assert.deepEqual(
        drawn.map(({ text }) => text),
        record.tokens.map(({ text }) => text.trim()),
      );
      for (const [i, { text, look }] of drawn.entries()) {
        const kind = kindOf(Math.exp(record.tokens[i]!.logProb!));
        assert.equal(look, legend[kind]!.look, `${text} in ${id}: ${record.tokens[i]!.logProb}`);
        seen.add(kind);
      }
    }
    assert.equal(seen.size, 4, 'the fixture has all four');
  });
});
