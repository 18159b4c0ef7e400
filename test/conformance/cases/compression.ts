import {
  CLOSES_IN_ORDER,
  type ConformanceCase,
  type CorpusName,
  type DataKind,
  type DeflateRequest,
  numbered,
} from '../case.ts';

const DEFAULT: DeflateRequest = { noContextTakeover: false, maxWindowBits: undefined };

/** The sizes of the messages and of their largest frame. */
const SIZES: readonly (readonly [bytes: number, fragmentBytes?: number])[] = [
  [16],
  [64],
  [256],
  [1024],
  [4096],
  [8192],
  [16_384],
  [32_768],
  [65_536],
  [131_072],
  [8192, 256],
  [16_384, 256],
  [32_768, 256],
  [65_536, 256],
  [131_072, 256],
  [131_072, 1024],
  [131_072, 4096],
  [131_072, 32_768],
];

const CORPORA: readonly (readonly [CorpusName, DataKind])[] = [
  ['records', 'text'],
  ['bitmap', 'binary'],
  ['prose', 'binary'],
  ['markup', 'text'],
  ['archive', 'binary'],
];

/** The requests for the compressor of the peer. */
const REQUESTS: readonly (readonly DeflateRequest[])[] = [
  [DEFAULT],
  [{ noContextTakeover: true, maxWindowBits: undefined }],
  [{ noContextTakeover: false, maxWindowBits: 9 }],
  [{ noContextTakeover: false, maxWindowBits: 15 }],
  [{ noContextTakeover: true, maxWindowBits: 9 }],
  [{ noContextTakeover: true, maxWindowBits: 15 }],
  [
    { noContextTakeover: true, maxWindowBits: 9 },
    { noContextTakeover: true, maxWindowBits: undefined },
    { noContextTakeover: false, maxWindowBits: undefined },
  ],
];

function family(id: string, corpus: CorpusName, kind: DataKind, deflate: readonly DeflateRequest[]): ConformanceCase[] {
  return numbered(
    id,
    SIZES.map(([bytes, fragmentBytes]) => ({
      title: `1000 compressed messages of ${bytes} bytes${fragmentBytes === undefined ? '' : ` in frames of ${fragmentBytes}`} come back, ${corpus}, ${describeRequests(deflate)}`,
      steps: [
        {
          exchange: 1000,
          message: kind,
          payload: { corpus, bytes },
          ...(fragmentBytes !== undefined && { fragmentBytes }),
        },
      ],
      expected: [],
      ending: CLOSES_IN_ORDER,
      deflate,
    })),
  );
}

function describeRequests(requests: readonly DeflateRequest[]): string {
  return requests
    .map(({ noContextTakeover, maxWindowBits }) =>
      [`${noContextTakeover ? 'no ' : ''}context takeover`, maxWindowBits !== undefined && `window ${maxWindowBits}`]
        .filter((part) => part !== false)
        .join(' and '),
    )
    .join(', or ');
}

/** Categories 12 and 13: compression of different contents and with different parameters. */
export const compression: readonly ConformanceCase[] = [
  ...CORPORA.flatMap(([corpus, kind], index) => family(`12.${index + 1}`, corpus, kind, [DEFAULT])),
  ...REQUESTS.flatMap((requests, index) => family(`13.${index + 1}`, 'records', 'text', requests)),
];
