import { setDefaultWaitMs } from '../../src/testing/recording.ts';

// Tests share two cores, so a wait of the testing kit may be almost as long as the time of a test.
setDefaultWaitMs(9000);
