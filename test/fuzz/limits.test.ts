import { checkLaws } from './check-laws.ts';
import { limitLaws } from './laws/limits.ts';

checkLaws(limitLaws);
