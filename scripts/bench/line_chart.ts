/** A line chart as SVG text: one or two series over numbers that double, both axes from 0. No script, readable on light and dark pages. */

export interface Series {
  readonly label: string;
  readonly values: readonly number[];
}

export interface Chart {
  readonly title: string;
  readonly across: string;
  readonly up: string;
  readonly at: readonly number[];
  readonly series: readonly Series[];
}

const WIDTH = 360;
const HEIGHT = 240;
const LEFT = 52;
const RIGHT = 16;
const TOP = 34;
const BOTTOM = 42;
const COLOURS = ['#2a6fb0', '#c05a1c'];
const TICKS = 4;

export function lineChart({ title, across, up, at, series }: Chart): string {
  const highest = niceCeiling(Math.max(...series.flatMap(({ values }) => values)));
  const furthest = Math.max(...at);
  const x = (value: number): number => LEFT + (value / furthest) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => HEIGHT - BOTTOM - (value / highest) * (HEIGHT - TOP - BOTTOM);
  const text = (at: readonly [number, number], content: string, attributes = ''): string =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" ${attributes}>${content}</text>`;

  const parts = [
    text([LEFT, 16], title, 'font-weight="bold"'),
    text([(LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6], across, 'text-anchor="middle"'),
    text([LEFT, 29], up, 'opacity="0.7"'),
  ];
  for (let tick = 0; tick <= TICKS; tick++) {
    const value = (highest * tick) / TICKS;
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}" stroke="#888" stroke-opacity="0.3"/>`,
      text([LEFT - 6, y(value) + 4], label(value), 'text-anchor="end"'),
    );
  }
  for (const value of at) parts.push(text([x(value), HEIGHT - BOTTOM + 16], label(value), 'text-anchor="middle"'));
  series.forEach(({ label: name, values }, i) => {
    const colour = COLOURS[i % COLOURS.length]!;
    const points = values.map((value, j) => `${x(at[j]!).toFixed(1)},${y(value).toFixed(1)}`);
    parts.push(`<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const point of points) {
      const [cx, cy] = point.split(',');
      parts.push(`<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`);
    }
    if (series.length > 1) parts.push(text([LEFT + 8, TOP + 14 + 14 * i], name, `fill="${colour}"`));
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${title}: ${up} against ${across}">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<g font-family="sans-serif" font-size="11" fill="#333">`,
    ...parts,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

const label = (value: number): string =>
  value >= 1000 ? `${Number((value / 1000).toFixed(1))}k` : String(Number(value.toPrecision(3)));

/** The next of 1, 2, 4, 5 or 8 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 4, 5, 8, 10].find((step) => step * power >= value) ?? 10;
  return factor * power;
}
