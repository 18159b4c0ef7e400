import { checkLaws } from './check-laws.ts';
import { topicLaws } from './laws/topics.ts';

checkLaws(topicLaws);
