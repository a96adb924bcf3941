/** The side panel for tests of a person's own words: opened on a question. To be made in a `describe`. */
import type { RationaleQuestion } from '../../src/protocol/rationale_messages.ts';
import { questionSnapshot } from './fixtures/rationales.ts';
import { PanelUnderTest } from './panel_under_test.ts';

export const OWN = '9 + 18 = 27. 27 ÷ 3 = 9.';
export const failure = {
  code: 'engine-stopped',
  reason: 'The engine stopped.',
  nextStep: 'Open the log.',
  actions: ['open-log' as const],
};

export class OwnWordsPanel {
  readonly now = new PanelUnderTest();

  async open(snapshot: RationaleQuestion, state?: unknown) {
    return (await this.now.open('rationale_panel', { snapshot, state })).page;
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
