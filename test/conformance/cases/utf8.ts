import { CLOSES_IN_ORDER, type ConformanceCase, failsWith, hexOf, numbered } from '../case.ts';

/** The Greek word κόσμε. */
const KOSME = 'cebae1bdb9cf83cebcceb5';
const MIXED = '48656c6c6f2dc2b540c39fc3b6c3a4c3bcc3a0c3a12d5554462d382121';
const EDITED = hexOf('edited');
/** A surrogate between valid texts. */
const SURROGATE = `${KOSME}eda080${EDITED}`;

function valid(payload: string, fragmentBytes?: number): Omit<ConformanceCase, 'id'> {
  return {
    title: `${nameOf(payload)} comes back${inFragments(fragmentBytes)}`,
    steps: [{ message: 'text', payload, ...(fragmentBytes !== undefined && { fragmentBytes }) }],
    expected: [{ message: 'text', payload }],
    ending: CLOSES_IN_ORDER,
  };
}

function invalid(payload: string, fragmentBytes?: number): Omit<ConformanceCase, 'id'> {
  return {
    title: `${nameOf(payload)} fails the connection${inFragments(fragmentBytes)}`,
    steps: [{ message: 'text', payload, ...(fragmentBytes !== undefined && { fragmentBytes }) }],
    expected: [],
    ending: failsWith(1007),
  };
}

function nameOf(payload: string): string {
  return payload.length > 40 ? `${payload.slice(0, 37)}...` : payload;
}

function inFragments(fragmentBytes: number | undefined): string {
  return fragmentBytes === undefined ? '' : ` in fragments of ${fragmentBytes}`;
}

/** A case with text in three frames. The second frame makes the text invalid, whatever follows. */
function inFrames(parts: readonly [string, string, string]): Omit<ConformanceCase, 'id'> {
  return {
    title: `text that becomes invalid with the second fragment, ${parts[1]}, fails at once`,
    steps: [
      { frame: 0x01, payload: parts[0] },
      { wait: 'quiet' },
      { frame: 0x00, payload: parts[1] },
      { wait: 'failure' },
      { frame: 0x80, payload: parts[2] },
    ],
    expected: [],
    ending: failsWith(1007),
  };
}

/** A case with text in one frame, which becomes invalid before its last part is sent. */
function inOneFrame(parts: readonly [string, string, string]): Omit<ConformanceCase, 'id'> {
  return {
    title: `text that becomes invalid within a frame, with ${parts[1]}, fails at once`,
    steps: [
      { frame: 0x81, payload: parts[0], announcedBytes: parts.join('').length / 2 },
      { wait: 'quiet' },
      { rest: parts[1] },
      { wait: 'failure' },
      { rest: parts[2] },
    ],
    expected: [],
    ending: failsWith(1007),
  };
}

/** Texts with a code point above U+10FFFF, cut before that code point and within it. */
const BEYOND_UNICODE = [
  [KOSME, 'f4908080', EDITED],
  [`${KOSME}f4`, '90', `8080${EDITED}`],
] as const;

function repeatHex(from: number, to: number, behind = ''): string {
  return Array.from({ length: to - from + 1 }, (_, index) => (from + index).toString(16) + behind).join('');
}

/** Payloads that are not valid UTF-8, by family. */
const INVALID: Readonly<Record<string, readonly string[]>> = {
  // Sequences of five and six bytes, which UTF-8 once had, and the last ones of four to six bytes.
  '6.8': ['f888808080', 'fc8480808080'],
  '6.10': ['f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf'],
  // Continuation bytes without a lead byte.
  '6.12': ['80', 'bf', '80bf', '80bf80', '80bf80bf', '80bf80bf80', '80bf80bf80bf', repeatHex(0x80, 0xbe)],
  // Lead bytes without continuation bytes.
  '6.13': [
    repeatHex(0xc0, 0xde, '20'),
    repeatHex(0xe0, 0xee, '20'),
    repeatHex(0xf0, 0xf6, '20'),
    repeatHex(0xf8, 0xfa, '20'),
    'fc20',
  ],
  // The last byte is missing.
  '6.14': ['c0', 'e080', 'f08080', 'f8808080', 'fc80808080', 'df', 'efbf', 'f7bfbf', 'fbbfbfbf', 'fdbfbfbfbf'],
  '6.15': ['c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf'],
  // Bytes that never occur in UTF-8.
  '6.16': ['fe', 'ff', 'fefeffff'],
  // Overlong forms of a slash, of the last code point of each shorter form, and of NUL.
  '6.17': ['c0af', 'e080af', 'f08080af', 'f8808080af', 'fc80808080af'],
  '6.18': ['c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf'],
  '6.19': ['c080', 'e08080', 'f0808080', 'f880808080', 'fc8080808080'],
  // UTF-16 surrogates, alone and in pairs.
  '6.20': ['eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80', 'edbfbf'],
  '6.21': ['eda080', 'edadbf', 'edae80', 'edafbf'].flatMap((high) => [`${high}edb080`, `${high}edbfbf`]),
};

/** Payloads that are valid UTF-8, by family. */
const VALID: Readonly<Record<string, readonly string[]>> = {
  // One code point of each length within text.
  '6.5': [...['24', 'c2a2', 'e282ac', 'f0a4ada2'].map((one) => hexOf('hello') + one + hexOf('world')), KOSME],
  // The first and the last code point of each length.
  '6.7': ['00', 'c280', 'e0a080', 'f0908080'],
  '6.9': ['7f', 'dfbf', 'efbfbf', 'f48fbfbf'],
  // Noncharacters: the last two code points of each plane.
  '6.22': Array.from({ length: 17 }, (_, plane) => plane).flatMap((plane) =>
    [0xfffe, 0xffff].map((last) => hexOf(String.fromCodePoint(plane * 0x1_0000 + last))),
  ),
  // The code points of the Unicode block Specials.
  '6.23': ['efbfb9', 'efbfba', 'efbfbb', 'efbfbc', 'efbfbd', 'efbfbe', 'efbfbf'],
};

/** Cases with every beginning of κόσμε, which is valid where a code point ends. */
const BEGINNINGS = Array.from({ length: KOSME.length / 2 }, (_, index) => {
  const bytes = index + 1;
  const payload = KOSME.slice(0, bytes * 2);
  return [2, 5, 7, 9, 11].includes(bytes) ? valid(payload) : invalid(payload);
});

/** Category 6: UTF-8. */
export const utf8: readonly ConformanceCase[] = [
  ...numbered('6.1', [
    {
      title: 'an empty text comes back',
      steps: [{ frame: 0x81, payload: '' }],
      expected: [{ message: 'text', payload: '' }],
      ending: CLOSES_IN_ORDER,
    },
    ...['', hexOf('middle frame payload')].map((middle) => ({
      title: `text in three fragments, ${middle === '' ? 'all empty' : 'the outer ones empty'}, comes back`,
      steps: [
        { frame: 0x01, payload: '' },
        { frame: 0x00, payload: middle },
        { frame: 0x80, payload: '' },
      ],
      expected: [{ message: 'text', payload: middle } as const],
      ending: CLOSES_IN_ORDER,
    })),
  ]),
  ...numbered('6.2', [
    valid(MIXED),
    {
      title: 'text in two fragments, cut between code points, comes back',
      steps: [
        { frame: 0x01, payload: MIXED.slice(0, 30) },
        { frame: 0x80, payload: MIXED.slice(30) },
      ],
      expected: [{ message: 'text', payload: MIXED }],
      ending: CLOSES_IN_ORDER,
    },
    valid(MIXED, 1),
    valid(KOSME, 1),
  ]),
  ...numbered('6.3', [invalid(SURROGATE), invalid(SURROGATE, 1)]),
  ...numbered('6.4', [...BEYOND_UNICODE.map(inFrames), ...BEYOND_UNICODE.map(inOneFrame)]),
  ...numbered('6.6', BEGINNINGS),
  // Code points next to the surrogates, the replacement character, and code points around U+10FFFF.
  ...numbered('6.11', [
    ...['ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf'].map((payload) => valid(payload)),
    invalid('f4908080'),
  ]),
  ...Object.entries(VALID).flatMap(([family, payloads]) =>
    numbered(
      family,
      payloads.map((payload) => valid(payload)),
    ),
  ),
  ...Object.entries(INVALID).flatMap(([family, payloads]) =>
    numbered(
      family,
      payloads.map((payload) => invalid(payload)),
    ),
  ),
];
