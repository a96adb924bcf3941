/** Whether a window has anything of ours: what wakes the extension may be nothing to work with. */
import type { Disposable } from './common/disposables.ts';

export interface InUse {
  readonly isInUse: () => boolean;
  readonly listen: (listener: () => void) => readonly Disposable[];
}

type Listen = (listener: () => void) => Disposable;

/** What of ours a person may see or open. */
interface Parts {
  /** The list of runs. */
  readonly runsTree: { readonly visible: boolean; readonly onDidChangeVisibility: Listen };
  readonly runs: { readonly runs: readonly unknown[]; readonly onChanged: Listen };
  /** Files that may be datasets; those that are have a format. */
  readonly datasets: { readonly all: readonly { readonly format: unknown }[]; readonly onChanged: Listen };
}

export function inUse({ runsTree, runs, datasets }: Parts): InUse {
  return {
    isInUse: () => runsTree.visible || runs.runs.length > 0 || datasets.all.some(({ format }) => format !== undefined),
    listen: (listener) => [
      runsTree.onDidChangeVisibility(listener),
      runs.onChanged(listener),
      datasets.onChanged(listener),
    ],
  };
}
