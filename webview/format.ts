/** How figures are written in every panel: true minus signs, fixed digits so that columns align, no locale surprises. */

const MINUS = '−';
const NARROW_SPACE = ' ';

export function fixed(value: number, digits = 2): string {
  const text = Math.abs(value).toFixed(digits);
  // −0.001 at two digits is 0.00: a minus sign there would say more than the digits do.
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

export function signed(value: number, digits = 2): string {
  const text = fixed(value, digits);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** A fraction in [0, 1] as a percentage. */
export function percent(fraction: number, digits = 1): string {
  return `${fixed(fraction * 100, digits)}${NARROW_SPACE}%`;
}

/** Significant digits for axes and metrics whose scale is not known beforehand. */
export function compact(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6) return scientific(value);
  if (size >= 100) return fixed(value, 0);
  if (size >= 10) return fixed(value, 1);
  if (size >= 0.01) return fixed(value, 2);
  if (size >= 0.0005) return fixed(value, 3);
  return scientific(value);
}

/** 3.2·10⁻⁵, with `digits` after the point. */
export function scientific(value: number, digits = 1): string {
  const [mantissa = '0', exponent = '0'] = value.toExponential(digits).split('e');
  const power = [...String(Number(exponent))].map((c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'.charAt(Number(c)))).join('');
  return `${mantissa.replace('-', MINUS)}·10${power}`;
}

/** Three significant digits, whatever the size. */
export function significant(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-4) return scientific(value, 2);
  return fixed(value, Math.max(0, 2 - Math.floor(Math.log10(size))));
}

/** The probability behind a log-probability. */
export function probability(logProb: number): string {
  const p = Math.exp(logProb);
  if (p >= 0.9995) return `≈ 100${NARROW_SPACE}%`;
  if (p >= 0.0995) return percent(p, 0);
  if (p >= 0.0005) return percent(p, p >= 0.00995 ? 1 : 2);
  return p === 0 ? '≈ 0' : scientific(p);
}

export function pValue(p: number): string {
  if (p === 0) return `< ${scientific(1e-300, 0)}`;
  if (p >= 0.0995) return p.toFixed(2);
  if (p >= 0.00095) return p.toFixed(3);
  return scientific(p);
}

/** Two units at most: "42 s", "9 min 05 s", "1 h 12 min". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number): string => String(n).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}
