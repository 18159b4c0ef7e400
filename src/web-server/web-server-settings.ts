import type { FourDError } from '../errors.ts';
import { invalidOption } from '../session/option-checks.ts';

/** One allowed host of `CORSSettings`. */
export interface CORSRule {
  /** Origin that may call, for example `https://example.com`, or `*` for any. Without a scheme, any scheme. */
  readonly host: string;
  /** Methods that it may use, separated by semicolons, for example `get;post`. Default: all. */
  readonly methods?: string | undefined;
}

/** Settings of a {@link WebServer}, named as in 4D. */
export interface WebServerSettings {
  /** Name of the server. Default `"default"`. */
  readonly name?: string | undefined;
  /** Default true. */
  readonly HTTPEnabled?: boolean | undefined;
  /** Default 80, as in 4D. 0 is any free port: read the property of the running server. */
  readonly HTTPPort?: number | undefined;
  /** Default false. Needs `certificateFolder`. */
  readonly HTTPSEnabled?: boolean | undefined;
  /** Default 443, as in 4D. 0 is any free port: read the property of the running server. */
  readonly HTTPSPort?: number | undefined;
  /** Address to listen on, for example `127.0.0.1`. Default `''`: all addresses, so anyone who reaches the machine. */
  readonly IPAddressToListen?: string | undefined;
  /** Folder of the files that the server gives out. Default none. Everything in it is public but names with a dot. */
  readonly rootFolder?: string | undefined;
  /** File of `rootFolder` that `/` shows. Default `index.html`. */
  readonly defaultHomepage?: string | undefined;
  /** Folder with `key.pem` and `cert.pem`. */
  readonly certificateFolder?: string | undefined;
  /**
   * Oldest TLS accepted: 1 = 1.0, 2 = 1.1, 3 = 1.2 (default), 4 = 1.3. 1 and 2 also allow ciphers that are known to be
   * weak: only for peers that know nothing better.
   */
  readonly minTLSVersion?: 1 | 2 | 3 | 4 | undefined;
  /** Whether pages of other hosts may call. Default false: browsers then keep them out. */
  readonly CORSEnabled?: boolean | undefined;
  /** Hosts that may call when `CORSEnabled`; requests of others get 403. Default none. */
  readonly CORSSettings?: readonly CORSRule[] | undefined;
}

/** Settings with every default filled in. */
export type CheckedSettings = Readonly<{
  [K in keyof WebServerSettings]-?: K extends 'rootFolder' | 'certificateFolder'
    ? string | undefined
    : Exclude<WebServerSettings[K], undefined>;
}>;

const DEFAULTS: CheckedSettings = {
  name: 'default',
  HTTPEnabled: true,
  HTTPPort: 80,
  HTTPSEnabled: false,
  HTTPSPort: 443,
  IPAddressToListen: '',
  rootFolder: undefined,
  defaultHomepage: 'index.html',
  certificateFolder: undefined,
  minTLSVersion: 3,
  CORSEnabled: false,
  CORSSettings: [],
};

const CHECKS: Readonly<Record<keyof WebServerSettings, { accepts: (value: unknown) => boolean; wants: string }>> = {
  name: { accepts: isText, wants: 'a text' },
  HTTPEnabled: { accepts: isBoolean, wants: 'true or false' },
  HTTPPort: { accepts: isPort, wants: 'a whole number from 0 to 65535' },
  HTTPSEnabled: { accepts: isBoolean, wants: 'true or false' },
  HTTPSPort: { accepts: isPort, wants: 'a whole number from 0 to 65535' },
  IPAddressToListen: { accepts: isText, wants: 'a text' },
  rootFolder: { accepts: isFilledText, wants: 'a text that is not empty' },
  defaultHomepage: { accepts: isFilledText, wants: 'a text that is not empty' },
  certificateFolder: { accepts: isFilledText, wants: 'a text that is not empty' },
  minTLSVersion: { accepts: (value) => [1, 2, 3, 4].includes(value as number), wants: '1, 2, 3 or 4' },
  CORSEnabled: { accepts: isBoolean, wants: 'true or false' },
  CORSSettings: { accepts: isCorsSettings, wants: 'an array of { host, methods? }' },
};

/**
 * Checks settings and fills in what is missing from those below.
 *
 * @param layers - the first that has a setting wins
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkSettings(...layers: readonly WebServerSettings[]): CheckedSettings {
  const checked: Record<string, unknown> = { ...DEFAULTS };
  for (const layer of layers.toReversed()) {
    if (typeof layer !== 'object' || layer === null) throw invalidSetting('the settings must be an object');
    for (const [name, value] of Object.entries(layer)) {
      if (value === undefined) continue;
      const check = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof WebServerSettings] : undefined;
      if (check === undefined) throw invalidSetting(`there is no setting "${name}"`);
      if (!check.accepts(value)) throw invalidSetting(`${name} must be ${check.wants}`);
      checked[name] = value;
    }
  }
  if (checked.HTTPEnabled === false && checked.HTTPSEnabled === false) {
    throw invalidSetting('HTTPEnabled and HTTPSEnabled are both false');
  }
  if (checked.HTTPSEnabled === true && checked.certificateFolder === undefined) {
    throw invalidSetting('HTTPSEnabled needs certificateFolder');
  }
  return Object.freeze(checked) as unknown as CheckedSettings;
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isFilledText(value: unknown): boolean {
  return isText(value) && value !== '';
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535;
}

function isCorsSettings(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (rule: unknown) =>
        typeof rule === 'object' &&
        rule !== null &&
        isText((rule as CORSRule).host) &&
        ((rule as CORSRule).methods === undefined || isText((rule as CORSRule).methods)),
    )
  );
}

function invalidSetting(problem: string): FourDError {
  return invalidOption(problem, 'HTTP', 'setting');
}
