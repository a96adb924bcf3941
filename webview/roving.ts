/**
 * Roving tabindex: a container marked `data-roving` is one tab stop however many `[data-rove]` items it holds; arrow keys move among
 * them. In a grid (`data-roving="grid"`) items of one row share a `[data-rove-row]` ancestor: left and right stay in it, up and down
 * keep the column. Home and End go to the ends. Nested containers rove on their own.
 */

const ITEM = '[data-rove]';
const CONTAINER = '[data-roving]';

/** Gives every container exactly one reachable item; call after each render. */
export function refreshRoving(root: ParentNode): void {
  for (const container of root.querySelectorAll(CONTAINER)) {
    const items = itemsOf(container);
    const current = items.find((item) => item.tabIndex === 0) ?? items[0];
    for (const item of items) item.tabIndex = item === current ? 0 : -1;
  }
}

export function installRoving(root: HTMLElement): void {
  root.addEventListener('focusin', (event) => {
    const item = itemAt(event.target);
    const container = item?.closest(CONTAINER);
    if (!item || !container) return;
    for (const other of itemsOf(container)) other.tabIndex = other === item ? 0 : -1;
  });
  root.addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const item = itemAt(event.target);
    const container = item?.closest(CONTAINER);
    if (!item || !container) return;
    const next = target(event.key, item, container);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

function target(key: string, item: HTMLElement, container: Element): HTMLElement | undefined {
  const items = itemsOf(container);
  const at = items.indexOf(item);
  const grid = container.getAttribute('data-roving') === 'grid';
  const inRow = (other: HTMLElement | undefined): HTMLElement | undefined =>
    other && grid && rowOf(other) !== rowOf(item) ? undefined : other;
  switch (key) {
    case 'ArrowRight':
      return inRow(items[at + 1]);
    case 'ArrowLeft':
      return inRow(items[at - 1]);
    case 'Home':
      return items[0];
    case 'End':
      return items.at(-1);
    case 'ArrowDown':
      return grid ? inNextRow(items, item, 1) : items[at + 1];
    case 'ArrowUp':
      return grid ? inNextRow(items, item, -1) : items[at - 1];
    default:
      return undefined;
  }
}

function inNextRow(items: readonly HTMLElement[], item: HTMLElement, by: 1 | -1): HTMLElement | undefined {
  const rows = [...new Set(items.map(rowOf))];
  const here = rowOf(item);
  const column = items.filter((other) => rowOf(other) === here).indexOf(item);
  const next = rows[rows.indexOf(here) + by];
  if (next === undefined) return undefined;
  const row = items.filter((other) => rowOf(other) === next);
  return row[Math.min(column, row.length - 1)];
}

function rowOf(element: HTMLElement): Element | null {
  return element.closest('[data-rove-row]');
}

function itemAt(target: EventTarget | null): HTMLElement | null {
  return target instanceof HTMLElement ? target.closest<HTMLElement>(ITEM) : null;
}

/** Items of this container and not of a container inside it. */
function itemsOf(container: Element): HTMLElement[] {
  return [...container.querySelectorAll<HTMLElement>(ITEM)].filter((item) => item.closest(CONTAINER) === container);
}
