// Mocha inside a bundle of tests: its globals are there once this module is evaluated.
import Mocha from 'mocha/lib/mocha.js';

const mocha = new Mocha({ reporter: 'spec', timeout: 300_000 });
mocha.suite.emit('pre-require', globalThis, null, mocha);

export function start() {
  mocha.run((failures) => {
    process.exitCode = failures === 0 ? 0 : 1;
  });
}
