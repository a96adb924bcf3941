/** The side panel as its reader sees it. */
import type { Locator } from 'playwright-core';
import type { RationaleRecord } from '../../../src/protocol/records.ts';
import { PanelFocus } from './panel_focus.ts';
import type { Workbench } from './workbench.ts';

/** One rationale as shown: figures with two decimals. */
export interface ShownRationale {
  readonly selfReward: number;
  readonly klPenalty: number;
  /** Null where a dash stands: it has none. */
  readonly baseline: number | null;
  readonly advantage: number | null;
  readonly tokens: number;
  readonly right: boolean;
  readonly edited: boolean;
}

export class RationaleView {
  readonly #workbench: Workbench;
  readonly #focus: PanelFocus;

  constructor(workbench: Workbench) {
    this.#workbench = workbench;
    this.#focus = new PanelFocus(workbench, 'sidebar');
  }

  async open(): Promise<void> {
    await this.#workbench.openSideBar();
    await this.#frame.locator('main').waitFor();
  }

  /** Waits until the panel is about this line. */
  async showsLine(line: number): Promise<void> {
    await this.#frame.locator('header .link', { hasText: new RegExp(`:${line}$`) }).waitFor();
  }

  get rationales(): Locator {
    return this.#frame.locator('tbody.rationale');
  }

  text(text: string | RegExp): Locator {
    return this.#frame.getByText(text).first();
  }

  button(name: string | RegExp): Locator {
    return this.#frame.getByRole('button', { name }).first();
  }

  /** What is pressed: a verdict, a pin. */
  get pressed(): Locator {
    return this.#frame.locator('[aria-pressed=true]');
  }

  /** The rationale that is pinned. */
  get pinned(): Locator {
    return this.#frame.locator('tbody.rationale.pinned');
  }

  /** How many of the samples are right. */
  get headline(): Locator {
    return this.#frame.locator('.headline strong').first();
  }

  /** The rationales in the order shown. */
  async texts(): Promise<string[]> {
    const texts = await this.rationales.locator('.text').allInnerTexts();
    return texts.map(oneLine);
  }

  /** What is said of how those that are open were made, in the order shown. */
  async origins(): Promise<string[]> {
    return await this.rationales.locator('.origin').allInnerTexts();
  }

  /** What is said of those kept from earlier samples. */
  async keptMarks(): Promise<string[]> {
    return await this.#frame.locator('.group.kept ~ tbody.rationale .marks').allInnerTexts();
  }

  /** What stands in the text area of a rationale that is being edited. */
  async draft(): Promise<string> {
    return await this.#frame.locator('.edit-form textarea').inputValue();
  }

  async isOpen(index: number): Promise<boolean> {
    return (await this.rationales.nth(index).locator('.toggle').getAttribute('aria-expanded')) === 'true';
  }

  /** Moves the focus into the view, from wherever it is. */
  async focus(): Promise<void> {
    await this.#workbench.runCommand('LaTRO Studio: Focus on Rationales View');
    await this.#focus.arrives();
  }

  /** Presses a key until the focus is on an element of this kind, with this name if one is given. */
  async focusBy(key: string, selector: string, name = ''): Promise<void> {
    await this.#focus.moveBy(key, selector, name);
  }

  /** Waits for a form that was opened to take the focus itself. */
  async tookFocus(selector: string): Promise<void> {
    await this.#focus.isOn(selector);
  }

  /** Where several runs read the dataset: the one that the rationales are of. */
  get runs(): Locator {
    return this.#frame.getByRole('combobox', { name: 'Run that the rationales are of' });
  }

  async chooseRun(id: string): Promise<void> {
    await this.runs.click();
    await this.runs.locator('vscode-option', { hasText: new RegExp(`^\\s*${id}\\s*$`) }).click();
  }

  /** Id of the run that is chosen. */
  async run(): Promise<unknown> {
    return await this.runs.evaluate((element: { value?: unknown }) => element.value);
  }

  /** Chooses the weights to compare with; they are asked when they have not been. */
  async compareWith(weights: string): Promise<void> {
    const dropdown = this.#frame.locator('header vscode-dropdown').nth(1);
    await dropdown.click();
    await dropdown.locator('vscode-option', { hasText: weights }).click();
    await this.#frame.getByText(/was \d+ of \d+/).waitFor();
  }

  /** Opens the table of base, previous checkpoint and current. */
  async openStages(): Promise<void> {
    const toggle = this.button(/^Before and after/);
    if ((await toggle.getAttribute('aria-expanded')) !== 'true') await toggle.click();
    await this.stage('current').waitFor();
  }

  stage(role: 'base' | 'previous' | 'current'): Locator {
    return this.#frame.locator(`.stage.${role}`);
  }

  /** Mean reward of a stage, with two decimals. */
  async stageReward(role: 'base' | 'previous' | 'current'): Promise<number> {
    return number(await this.stage(role).locator('td.number').innerText());
  }

  /** The focus stays where it is. */
  async scrollToTop(): Promise<void> {
    await (await this.#workbench.frame('sidebar')).evaluate('document.scrollingElement.scrollTop = 0');
  }

  /** In the order shown. */
  async read(): Promise<ShownRationale[]> {
    const rows = await this.rationales.all();
    return await Promise.all(
      rows.map(async (row) => {
        const figures = await row.locator('tr.figures td .figure').allInnerTexts();
        const [selfReward, klPenalty, baseline, advantage, tokens] = figures.map(number);
        const right = (await row.locator('.toggle').textContent())?.includes('right') === true;
        const edited = (await row.locator('.marks', { hasText: 'edited by you' }).count()) > 0;
        return {
          selfReward: selfReward!,
          klPenalty: klPenalty!,
          baseline: orNull(baseline!),
          advantage: orNull(advantage!),
          tokens: tokens!,
          right,
          edited,
        };
      }),
    );
  }

  get #frame() {
    return this.#workbench.view;
  }
}

/** The text of a rationale as `texts` gives it. */
export const shownText = ({ tokens }: RationaleRecord): string => oneLine(tokens.map(({ text }) => text).join(''));
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

/** Figures are typeset with a true minus sign; a dash is no figure. */
const number = (text: string): number => Number.parseFloat(text.replaceAll('−', '-').replace('+', ''));
const orNull = (figure: number): number | null => (Number.isNaN(figure) ? null : figure);
