import { checkLaws } from './check-laws.ts';
import { addressLaws } from './laws/addresses.ts';

checkLaws(addressLaws);
