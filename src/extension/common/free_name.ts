import { existsSync } from 'node:fs';

/** A path that nothing has yet: `stem` + `extension`, or with `-2`, `-3` … between them. */
export function freeName(stem: string, extension = ''): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? `${stem}${extension}` : `${stem}-${n}${extension}`;
    if (!existsSync(name)) return name;
  }
}
