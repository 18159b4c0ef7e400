import { expect, test, vi } from 'vitest';
import { deflateCases } from '../../bench/micro/deflate-cases.ts';
import type { Modules } from '../../bench/micro/micro-case.ts';
import * as frameParser from '../../src/protocol/frame-parser.ts';
import * as frame from '../../src/protocol/frame-header.ts';
import * as mask from '../../src/protocol/mask.ts';
import * as protocolConnection from '../../src/protocol/protocol-connection.ts';
import * as utf8 from '../../src/protocol/utf8.ts';
import * as zlib from '../../src/connection/zlib.ts';

const modules: Modules = { mask, utf8, frame, frameParser, protocolConnection, zlib };

test('every case has its counterpart with a stream, and works repeatedly', async () => {
  const cases = deflateCases(modules);
  const names = cases.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => name.endsWith(', stream')).map((name) => name.replace(', stream', ''))).toEqual(
    names.filter((name) => !name.endsWith(', stream')),
  );
  for (const each of cases) await expect(each.run(3), each.name).resolves.toBeUndefined();
});

test('a message that cannot be inflated is an error, not a fast result', async () => {
  const create = vi.fn<zlib.CompressionFactory['create']>(() => ({
    isShared: true,
    thresholdBytes: 0,
    deflater: { isShared: true, deflate: (_payload, done) => done(new Error('broken'), Buffer.alloc(0)) },
    inflater: { inflate: (_compressed, _maxBytes, done) => done(new Error('broken'), Buffer.alloc(0)) },
  }));
  const broken = {
    CompressionFactory: class {
      readonly create = create;
    },
  } as unknown as Modules['zlib'];
  const [deflate] = deflateCases({ ...modules, zlib: broken });
  await expect(deflate?.run(1)).rejects.toThrow('broken');
});
