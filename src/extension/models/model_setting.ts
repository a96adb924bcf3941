/** The value of `latro.model` and the folder it stands for: one way and back. Pure. */
import path from 'node:path';

/** The model that comes with the extension; a folder of this name in the workspace is `./starter`. */
export const STARTER = 'starter';

/** @returns null for the model that comes with the extension */
export function folderOfSetting(setting: string, workspace: string): string | null {
  const value = setting.trim();
  return value === '' || value === STARTER ? null : path.resolve(workspace, value);
}

/**
 * What to write for a folder: relative to the workspace when it lies inside, so that the setting can be shared.
 * @param builtIn folder of the model that comes with the extension
 */
export function settingOfFolder(folder: string, workspace: string, builtIn: string): string {
  if (folder === builtIn) return STARTER;
  const relative = path.relative(workspace, folder).split(path.sep).join('/');
  if (relative === '' || relative === '..' || relative.startsWith('../') || path.isAbsolute(relative)) return folder;
  return relative === STARTER ? `./${STARTER}` : relative;
}
