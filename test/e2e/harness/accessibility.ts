/** axe-core in the documents of the panels, inside the frames of a real window. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Frame } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Those of axe-core's rules that look at colours; the others say the same in every theme. */
const COLOUR_RULES = ['color-contrast', 'link-in-text-block'];

/** Serious and critical violations in a document, of all rules or of `colours`, what a theme decides: rule, element, and what to do. */
export async function seriousViolations(
  frame: Frame,
  background: 'sideBar' | 'editor',
  rules: 'all' | 'colours' = 'all',
): Promise<string[]> {
  const options = { resultTypes: ['violations'], ...(rules === 'all' ? {} : { runOnly: COLOUR_RULES }) };
  // VS Code draws the background under the frame; axe would take it for white.
  await frame.evaluate(
    `document.documentElement.style.backgroundColor = 'var(--vscode-${background}-background)'; undefined`,
  );
  await frame.evaluate(axe);
  return await frame.evaluate<string[]>(
    `axe.run(document, ${JSON.stringify(options)}).then(({ violations }) => violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map((node) => id + ': ' + node.html.slice(0, 160) + ' ' + node.failureSummary)))`,
  );
}
