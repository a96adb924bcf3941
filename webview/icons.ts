/** Small line icons on a 16 × 16 grid in the text's colour; decoration only, the control that holds one carries the words. */
import { h, type VNode } from './dom.ts';

const paths = {
  right: 'M3 8.5 6.5 12 13 4.5',
  wrong: 'M4 4l8 8M12 4l-8 8',
  up: 'M8 3.5 13 12H3Z',
  down: 'M8 12.5 3 4h10Z',
  closed: 'M6 4l4 4-4 4',
  open: 'M4 6l4 4 4-4',
  pin: 'M5.5 2.5h5M6.5 2.5v4L4.5 9h7L9.5 6.5v-4M8 9v4.5',
  edit: 'M3 13l.6-2.8 7.3-7.3 2.2 2.2-7.3 7.3zM9.5 4.3l2.2 2.2',
  copy: 'M5.5 5.5h7v8h-7zM10.5 5.5v-3h-7v8h2',
  swap: 'M3 5.5h9.5M10 3l2.5 2.5L10 8M13 10.5H3.5M6 8l-2.5 2.5L6 13',
  open_row: 'M9 3h4v4M13 3 7.5 8.5M7 4H3v9h9V9',
  warning: 'M8 2.5 14 13.5H2ZM8 6.5v3.5M8 11.5v.5',
  table: 'M2.5 3.5h11v9h-11zM2.5 6.5h11M6.5 3.5v9',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.5v9l7-4.5z',
  stop: 'M4 4h8v8H4z',
  back: 'M6.5 3 3 6.5 6.5 10M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6',
  export: 'M8 10V2.5M5 5l3-2.5L11 5M3 9.5v4h10v-4',
  again: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3',
  note: 'M3 3h10v8H8l-3 2.5V11H3z',
} as const;

export type IconName = keyof typeof paths;

const filled: ReadonlySet<IconName> = new Set(['up', 'down', 'stop', 'play']);

export function icon(name: IconName, tone?: 'good' | 'bad' | 'warn'): VNode {
  return h(
    'svg',
    {
      class: `icon${filled.has(name) ? ' filled' : ''}${tone ? ` ${tone}` : ''}`,
      viewBox: '0 0 16 16',
      width: 16,
      height: 16,
      'aria-hidden': true,
      focusable: 'false',
    },
    h('path', { d: paths[name] }),
  );
}
