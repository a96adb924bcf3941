export function compilePrograms(folder: string, names?: readonly ('bench' | 'latro' | 'parity')[]): Promise<void>;
