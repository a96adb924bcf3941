/** Which values the settings of `package.json` may have. VS Code underlines others in `settings.json` and hands them out nevertheless. Pure. */
import * as v from 'valibot';
import { Count } from '../protocol/panel_messages.ts';
import { SamplingSettings } from '../protocol/rationale_messages.ts';

/** By name without `latro.`; the fallbacks are the defaults of `package.json`. */
export const SETTINGS = {
  model: { entry: v.string(), fallback: 'starter' },
  'sampling.rationalesPerQuestion': { entry: SamplingSettings.entries.k, fallback: 8 },
  'sampling.temperature': { entry: SamplingSettings.entries.temperature, fallback: 1 },
  'sampling.seed': { entry: v.pipe(SamplingSettings.entries.seed, v.maxValue(0xffff_ffff)), fallback: 0 },
  inlineResults: { entry: v.boolean(), fallback: true },
  notifyWhenRunEnds: { entry: v.boolean(), fallback: true },
  'evaluation.questions': { entry: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1))), fallback: null },
  'evaluation.samplesPerQuestion': { entry: v.pipe(Count, v.maxValue(1024)), fallback: 0 },
} as const;
export type SettingName = keyof typeof SETTINGS;
export type SettingValue<N extends SettingName> = v.InferOutput<(typeof SETTINGS)[N]['entry']>;

/** A value that cannot be used, and what is used in its place; both as JSON. */
export interface WrongSetting {
  readonly name: SettingName;
  readonly value: string;
  readonly used: string;
}

/** Settings as they were written, checked: of each value that cannot be used it is told once, and the default is used. */
export class SettingValues {
  readonly #tell: (wrong: WrongSetting) => void;
  readonly #told = new Set<string>();

  constructor(tell: (wrong: WrongSetting) => void) {
    this.#tell = tell;
  }

  /** @param written undefined where nothing is */
  of<N extends SettingName>(name: N, written: unknown): SettingValue<N> {
    const { entry, fallback } = SETTINGS[name];
    const parsed = v.safeParse(entry as v.GenericSchema<unknown, SettingValue<N>>, written);
    if (parsed.success) return parsed.output;
    if (written !== undefined) this.#tellOnce({ name, value: JSON.stringify(written), used: JSON.stringify(fallback) });
    return fallback as SettingValue<N>;
  }

  #tellOnce(wrong: WrongSetting): void {
    const key = `${wrong.name} ${wrong.value}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#tell(wrong);
  }
}
