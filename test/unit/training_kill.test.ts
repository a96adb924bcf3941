/** A few of the kills of `npm run test:kill`. */
import { describeKills } from '../kill/kill_suite.ts';

describeKills(3);
