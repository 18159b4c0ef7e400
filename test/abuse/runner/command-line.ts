import { parseArgs } from 'node:util';
import { FAULT_NAMES, type FaultName } from '../../helpers/planted-faults.ts';
import type { Attack } from '../attack.ts';
import { attacks } from '../attacks/all.ts';
import { LIMIT_NAMES } from '../limits.ts';

/** The parsed arguments of `npm run abuse`. */
export interface CommandLine {
  readonly attacks: readonly Attack[];
  /** Limits that are switched off. */
  readonly without: readonly string[];
  /** The mistake that the server makes for each connection that ends. */
  readonly fault: FaultName | undefined;
  /** Duration of a flood in each attack. */
  readonly pressMs: number;
  readonly honestClients: number;
  readonly needsHelp: boolean;
}

export const USAGE = `Usage: npm run abuse -- [options]

  --only <name>      runs one attack; may be repeated (all)
  --seconds <number> duration of each flood (3); attacks that wait for a timeout take longer
  --clients <number> number of honest clients (100)
  --without <limit>  counter-check: switches off a limit of the server, so that the command must fail; may be repeated
  --fault <name>     counter-check: makes a mistake for each connection that ends, so that the command must fail

Attacks: ${attacks.map(({ name }) => name).join(', ')}
Limits: ${LIMIT_NAMES.join(', ')}
Faults: ${FAULT_NAMES.join(', ')}`;

/** @throws Error for an unknown option or a value out of range */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true, default: [] },
      without: { type: 'string', multiple: true, default: [] },
      fault: { type: 'string' },
      seconds: { type: 'string', default: '3' },
      clients: { type: 'string', default: '100' },
      help: { type: 'boolean', default: false },
    },
  });
  const seconds = Number(values.seconds);
  if (!(seconds >= 0.1 && seconds <= 30)) throw new Error('--seconds must be a number from 0.1 to 30');
  const clients = Number(values.clients);
  if (!Number.isInteger(clients) || clients < 1 || clients > 1000) {
    throw new Error('--clients must be a whole number from 1 to 1000');
  }
  for (const name of values.only)
    checkKnown(
      'only',
      name,
      attacks.map((attack) => attack.name),
    );
  for (const name of values.without) checkKnown('without', name, LIMIT_NAMES);
  if (values.fault !== undefined) checkKnown('fault', values.fault, FAULT_NAMES);
  return {
    attacks: attacks.filter(({ name }) => values.only.length === 0 || values.only.includes(name)),
    without: values.without,
    fault: values.fault as FaultName | undefined,
    pressMs: seconds * 1000,
    honestClients: clients,
    needsHelp: values.help,
  };
}

function checkKnown(option: string, name: string, known: readonly string[]): void {
  if (!known.includes(name)) throw new Error(`--${option} must be one of ${known.join(', ')}`);
}
