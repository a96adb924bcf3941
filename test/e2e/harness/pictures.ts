/** Pictures of surfaces, one in each theme. `npm run screenshots` puts them into docs/screenshots/; otherwise they go to test-results/. */
import path from 'node:path';
import type { Studio, Theme } from './studio.ts';

const root = path.resolve(import.meta.dirname, '../../..');
export const forDocs = process.env.LATRO_SCREENSHOTS === 'docs';
export const docsFolder = path.join(root, 'docs', 'screenshots');
export const picturesFolder = forDocs ? docsFolder : path.join(root, 'test-results', 'screenshots');
const PICTURED: readonly Theme[] = ['dark', 'light', 'high-contrast'];
/** A plain test run takes the first alone: changing themes takes minutes, and axe-core looks at each panel in all of them. */
export const TAKEN = forDocs ? PICTURED : PICTURED.slice(0, 1);

/** @param show brings up what a change of size or theme closes; `themes` all that are pictured, unless the window has but one */
export async function takePictures(
  studio: Studio,
  surface: string,
  [width, height]: readonly [number, number],
  show: () => Promise<unknown> = async () => {},
  themes: readonly Theme[] = TAKEN,
): Promise<void> {
  const { page } = studio;
  await page.setViewportSize({ width, height });
  await page.mouse.move(width / 2, height - 8);
  for (const theme of themes) {
    await studio.setTheme(theme);
    await show();
    await page.waitForTimeout(400); // what fades, blinks or is drawn with the next frame
    await page.screenshot({ path: path.join(picturesFolder, `${surface}-${theme}.png`) });
  }
}
