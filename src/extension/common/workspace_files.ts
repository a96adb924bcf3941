/** Files by the names that VS Code gives them: relative to the folder, and with its name before them where a window has several. */
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import path from 'node:path';

/** The part of a `vscode.WorkspaceFolder` that is needed. */
export interface NamedFolder {
  readonly name: string;
  readonly uri: { readonly fsPath: string };
}

/**
 * The absolute path of a file named as `asRelativePath` names it: `train.jsonl`, or `FOLDER/train.jsonl` in a window of several folders. A
 * path relative to `first`, or an absolute one, is taken too; it may lead out of the workspace.
 * @param first the folder that holds `.latro/`
 */
export function workspaceFile(name: string, first: string, folders: readonly NamedFolder[]): string {
  const relative = path.resolve(first, name);
  const [, ...others] = folders;
  if (others.length === 0) return relative;
  const named = folders.flatMap((folder) => {
    const inFolder = /^[/\\](.+)$/s.exec(name.startsWith(folder.name) ? name.slice(folder.name.length) : '')?.[1];
    return inFolder === undefined ? [] : [path.join(folder.uri.fsPath, inFolder)];
  });
  // A folder within the first one may have the name of another one: what is there counts.
  const [likely = relative] = named;
  return [...named, relative].find((file) => existsSync(file)) ?? likely;
}

/** Whether a path lies in one of these folders when every link on the way is followed; it may be of a file that is not there yet. */
export async function liesInWorkspace(file: string, folders: readonly NamedFolder[]): Promise<boolean> {
  const real = await followed(file);
  const within = await Promise.all(folders.map(async ({ uri }) => path.relative(await followed(uri.fsPath), real)));
  return within.some(
    (relative) =>
      relative !== '' && relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative),
  );
}

/** Without links, as far as it is there. */
async function followed(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch {
    const parent = path.dirname(file);
    return parent === file ? file : path.join(await followed(parent), path.basename(file));
  }
}
