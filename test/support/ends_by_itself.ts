/**
 * Loaded by every mocha run of `npm test`: tests that leave a timer, a socket or a process behind would keep mocha from ending, and with
 * it whoever waits for mocha. They are given a moment, then named and ended.
 */
const GRACE_MILLISECONDS = 20_000;

export const mochaHooks = {
  afterAll(): void {
    const tooLong = () => {
      const kept = [...new Set(process.getActiveResourcesInfo())].join(', ');
      process.stderr.write(`\nThe tests are over, but something they left behind goes on: ${kept}\n`);
      // Mocha sets its own code when the process ends; this comes after it.
      process.once('exit', () => {
        process.exitCode = 1;
      });
      process.exit();
    };
    setTimeout(tooLong, GRACE_MILLISECONDS).unref();
  },
};
