/** How much memory a program may still take without the system swapping or ending it. */
import { totalmem } from 'node:os';

/**
 * Bytes. On Linux what the kernel would give up for it, within this process's control group; on Windows physical memory that is free.
 * macOS counts as free only pages that nothing caches, a fraction of what it gives: there it is all of the machine's memory.
 */
export function availableMemory(platform: NodeJS.Platform = process.platform): number {
  return platform === 'darwin' ? totalmem() : process.availableMemory();
}
