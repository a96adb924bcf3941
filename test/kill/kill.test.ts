/** The kill test in full; LATRO_KILLS sets the number of random moments. `npm test` runs a few kills (test/unit/training_kill.test.ts). */
import { ALL_KILLS, describeKills } from './kill_suite.ts';

describeKills(Number(process.env.LATRO_KILLS ?? ALL_KILLS));
