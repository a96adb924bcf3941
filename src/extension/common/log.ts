/** The part of VS Code's `LogOutputChannel` that is used where `vscode` is not. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string | Error): void;
}
