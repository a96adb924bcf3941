/** Numbers as people read them: with their unit, a real minus sign, and no more digits than they carry. */

/** 0.0417 → "4.2 %". */
export function percent(fraction: number): string {
  return `${fixed(100 * fraction, 1)} %`;
}

/** A difference of two shares: 0.058 → "+5.8 points". */
export function points(difference: number): string {
  return `${signed(100 * difference, 1)} points`;
}

/** −1.0732 → "−1.07". */
export function fixed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** With a sign in front, whatever it is. */
export function signed(value: number, digits: number): string {
  const text = fixed(value, digits);
  return text.startsWith('−') ? text : Number(text) === 0 ? `±${text}` : `+${text}`;
}

/** "p = 0.039"; a tiny one only says what it is below. */
export function pValue(p: number): string {
  return p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(p < 0.1 ? 3 : 2)}`;
}

/** 95 → "1 min 35 s". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 1) return `${seconds.toFixed(1)} s`;
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** 3 "questions" → "3 questions", 1 → "1 question". */
export function count(amount: number, plural: string): string {
  return `${amount.toLocaleString('en-US')} ${amount === 1 ? singular(plural) : plural}`;
}

export function singular(plural: string): string {
  return plural.replace(/s$/, '');
}

/** 12_345_678 → "12.3 MB", powers of 1000. */
export function byteSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
