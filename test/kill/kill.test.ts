/**
 * The kill test in full. LATRO_KILLS sets the number of random moments, LATRO_KILL_PART="2/4" does the second quarter of everything.
 * `npm test` runs a few kills (test/unit/training_kill.test.ts).
 */
import { ALL_KILLS, describeKills } from './kill_suite.ts';

const [part, of] = (process.env.LATRO_KILL_PART ?? '1/1').split('/').map(Number) as [number, number];
describeKills(Number(process.env.LATRO_KILLS ?? ALL_KILLS), { index: part - 1, of });
