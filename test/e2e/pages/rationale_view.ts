/** The side panel as its reader sees it. */
import type { Locator } from 'playwright-core';
import type { Workbench } from './workbench.ts';

/** One rationale as shown: figures with two decimals. */
export interface ShownRationale {
  readonly selfReward: number;
  readonly advantage: number;
  readonly tokens: number;
  readonly right: boolean;
}

export class RationaleView {
  readonly #workbench: Workbench;

  constructor(workbench: Workbench) {
    this.#workbench = workbench;
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

  /** In the order shown. */
  async read(): Promise<ShownRationale[]> {
    const rows = await this.rationales.all();
    return await Promise.all(
      rows.map(async (row) => {
        const figures = await row.locator('tr.figures td .figure').allInnerTexts();
        const [selfReward, , , advantage, tokens] = figures.map(number);
        const right = (await row.locator('.toggle').textContent())?.includes('right') === true;
        return { selfReward: selfReward!, advantage: advantage!, tokens: tokens!, right };
      }),
    );
  }

  get #frame() {
    return this.#workbench.view;
  }
}

/** Figures are typeset with a true minus sign. */
const number = (text: string): number => Number.parseFloat(text.replace('−', '-').replace('+', ''));
