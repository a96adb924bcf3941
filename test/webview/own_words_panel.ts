/**
 * The side panel for tests of a person's own words: opened on a question, after each test without a complaint and closed. To be called in a
 * `describe`, whose tests are skipped where there is no Chromium.
 */
import assert from 'node:assert/strict';
import type { RationaleQuestion } from '../../src/protocol/rationale_messages.ts';
import { questionSnapshot } from './fixtures/rationales.ts';
import { type OpenPanel, PanelHarness } from './harness.ts';

export const OWN = '9 + 18 = 27. 27 ÷ 3 = 9.';
export const failure = {
  code: 'engine-stopped',
  reason: 'The engine stopped.',
  nextStep: 'Open the log.',
  actions: ['open-log' as const],
};

export class OwnWordsPanel {
  #harness: PanelHarness | undefined;
  #panel: OpenPanel | undefined;

  constructor() {
    const start = async (context: Mocha.Context) => {
      this.#harness = await PanelHarness.startOrSkip(context);
    };
    before(async function () {
      await start(this);
    });
    after(async () => this.#harness?.stop());
    afterEach(async () => {
      assert.deepEqual(this.now.complaints(), [], 'no errors, no blocked styles');
      await this.now.close();
    });
  }

  /** The one that was opened last. */
  get now(): OpenPanel {
    return this.#panel!;
  }

  async open(snapshot: RationaleQuestion, state?: unknown) {
    this.#panel = await this.#harness!.open('rationale_panel', { snapshot, state });
    return this.#panel.page;
  }

  show(part: Partial<RationaleQuestion>): Promise<void> {
    return this.now.send({ type: 'snapshot', snapshot: { ...questionSnapshot, ...part } });
  }

  form() {
    return this.now.page.locator('.edit-form');
  }

  area() {
    return this.form().locator('textarea');
  }
}
