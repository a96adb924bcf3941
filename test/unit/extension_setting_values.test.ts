/** VS Code hands out what stands in settings.json, whatever package.json says of it: what cannot be used is never passed on. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SETTINGS, type SettingName, SettingValues, type WrongSetting } from '../../src/extension/setting_values.ts';

interface Property {
  readonly type: string | readonly string[];
  readonly default: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
}
const manifest = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../package.json'), 'utf8')) as {
  readonly contributes: { readonly configuration: { readonly properties: Readonly<Record<string, Property>> } };
};
const properties = Object.entries(manifest.contributes.configuration.properties).map(
  ([name, property]) => [name.replace('latro.', '') as SettingName, property] as const,
);

describe('the values of settings', () => {
  it('are checked for every setting of package.json', () => {
    assert.deepEqual(Object.keys(SETTINGS).sort(), properties.map(([name]) => name).sort());
  });

  for (const [name, { type, default: fallback, minimum, maximum }] of properties) {
    const types = [type].flat();
    const isNumber = types.some((each) => each === 'integer' || each === 'number');
    const sound = [fallback, minimum, maximum, types.includes('null') ? null : undefined];
    const wrong = [
      minimum === undefined ? undefined : minimum - 1,
      maximum === undefined ? undefined : maximum + 1,
      types.includes('integer') ? (minimum ?? 0) + 0.5 : undefined,
      isNumber || types.includes('boolean') ? 'many' : undefined,
      types.includes('null') ? undefined : null,
      types.includes('string') ? 7 : [],
      { a: 1 },
    ];

    it(`${name}: as package.json says it, and the default in place of anything else, which is told of once`, () => {
      const told: WrongSetting[] = [];
      const values = new SettingValues((each) => told.push(each));
      for (const value of sound) if (value !== undefined) assert.deepEqual(values.of(name, value), value);
      assert.deepEqual(values.of(name, undefined), fallback);
      assert.deepEqual(told, []);
      const written = wrong.filter((each) => each !== undefined);
      for (const value of [...written, ...written]) assert.deepEqual(values.of(name, value), fallback, `${value}`);
      assert.deepEqual(
        told.map(({ value }) => value),
        written.map((value) => JSON.stringify(value)),
      );
      assert.deepEqual(new Set(told.map(({ used }) => used)), new Set([JSON.stringify(fallback)]));
    });
  }
});
