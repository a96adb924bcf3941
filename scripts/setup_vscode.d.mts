export function vscodePaths(): { home: string; node: string; server: string; serverMain: string };
export function setupVscode(say?: (line: string) => void): Promise<void>;
export function findChromium(): Promise<string | undefined>;
export function setupChromium(say?: (line: string) => void): Promise<string>;
