import { checkLaws } from './check-laws.ts';
import { pageLaws } from './laws/pages.ts';

checkLaws(pageLaws);
