import { checkLaws } from './check-laws.ts';
import { byteLaws } from './laws/bytes.ts';

checkLaws(byteLaws);
