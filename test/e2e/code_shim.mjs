#!/usr/bin/env node
// Stands in for the desktop `code` executable under @vscode/test-cli: the same arguments, with VS Code's server and a headless browser
// behind them. See code_shim.ts.
import { register } from 'tsx/esm/api';

register();
await import('./code_shim.ts');
