import type { Law } from './law.ts';
import { addressLaws } from './laws/addresses.ts';
import { answerLaws } from './laws/answers.ts';
import { byteLaws } from './laws/bytes.ts';
import { compressionLaws } from './laws/compression.ts';
import { handshakeLaws } from './laws/handshake.ts';
import { clientUpgradeLaws } from './laws/client-upgrade.ts';
import { fastUpgradeLaws } from './laws/fast-upgrade-request.ts';
import { limitLaws } from './laws/limits.ts';
import { pageLaws } from './laws/pages.ts';
import { topicLaws } from './laws/topics.ts';
import { connectionLaws } from './laws/protocol-connection.ts';
import { lifeLaw } from './life/life-law.ts';
import { reconnectLaw } from './life/reconnect-law.ts';

/** The laws that `npm run fuzz` tries besides the streams. */
export const allLaws: readonly Law[] = [
  lifeLaw,
  reconnectLaw,
  ...connectionLaws,
  ...byteLaws,
  ...compressionLaws,
  ...handshakeLaws,
  ...fastUpgradeLaws,
  ...clientUpgradeLaws,
  ...addressLaws,
  ...pageLaws,
  ...limitLaws,
  ...answerLaws,
  ...topicLaws,
];
