import { checkLaws } from './check-laws.ts';
import { answerLaws } from './laws/answers.ts';

checkLaws(answerLaws);
