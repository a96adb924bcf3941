export function refuseAbove(file: string, largestBytes: number): void;
