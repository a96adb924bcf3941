/** Mocha's own list, which also says why a test had to be tried again: one that passes at the second try is a bug as well. */
const { reporters } = require('mocha');

module.exports = class SpecWithRetries extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.on('retry', (test, error) => console.log(`    ↻ tried again: ${test.title}\n${error?.stack ?? error}`));
  }
};
