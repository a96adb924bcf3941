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

/**
 * What only `npm run screenshots` looks at, and `npm test` counts as skipped: states and details of surfaces, which other tests and those of panels ask for.
 */
export const pictured = forDocs ? describe : describe.skip;

/** Quiet windows, in which a picture shows what it is about; notes in them are of somebody who does not exist. */
export const PICTURED_STUDIO = {
  author: 'Mira Holt',
  settings: { 'editor.minimap.enabled': false, 'breadcrumbs.enabled': false, 'comments.openView': 'never' },
} as const;

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
    // What fades in is taken as it is in the end.
    await page.screenshot({ path: path.join(picturesFolder, `${surface}-${theme}.png`), animations: 'disabled' });
  }
}

/** The extension's item in the status bar with what it says when the mouse rests on it. */
export async function hoverStatusItem({ page, workbench }: Studio, text: string | RegExp): Promise<void> {
  await page.mouse.move(8, 8);
  await workbench.statusBarItem(text).hover();
  await page.locator('.workbench-hover').first().waitFor();
}
