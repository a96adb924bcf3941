/** axe-core in the documents of the panels, inside the frames of a real window. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Frame } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Serious and critical violations in a document: rule, element, and what to do. */
export async function seriousViolations(frame: Frame, background: 'sideBar' | 'editor'): Promise<string[]> {
  // VS Code draws the background under the frame; axe would take it for white.
  await frame.evaluate(
    `document.documentElement.style.backgroundColor = 'var(--vscode-${background}-background)'; undefined`,
  );
  await frame.evaluate(axe);
  return await frame.evaluate<string[]>(
    `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map((node) => id + ': ' + node.html.slice(0, 160) + ' ' + node.failureSummary)))`,
  );
}
