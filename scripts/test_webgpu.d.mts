interface WebgpuTests {
  readonly ownDriver?: boolean;
  readonly onLine?: (line: string) => void;
  readonly findDriver?: () => Promise<string | undefined>;
}
export function webgpuEnvironment(ownDriver: boolean): Promise<NodeJS.ProcessEnv | undefined>;
export function testWebgpu(tests?: WebgpuTests): Promise<number | null>;
