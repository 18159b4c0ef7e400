import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readFastUpgradeAnswer } from '../../src/handshake/fast-upgrade-answer.ts';
import { writePlainRequest } from '../../src/handshake/plain-request.ts';
import { checkLaws } from './check-laws.ts';
import { clientUpgradeLaws, plainRequest, upgradeAnswer } from './laws/client-upgrade.ts';

checkLaws(clientUpgradeLaws);

test('many of the answers and requests that the laws generate are plain', () => {
  const answers = fc.sample(upgradeAnswer, 1500).filter((text) => readFastUpgradeAnswer(text) !== undefined);
  const requests = fc.sample(plainRequest, 1500).filter((given) => writePlainRequest(...given) !== undefined);
  expect(answers.length).toBeGreaterThan(150);
  expect(requests.length).toBeGreaterThan(150);
});
