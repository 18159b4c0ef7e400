import { describe, expect, test } from 'vitest';
import { selectBenchmarks } from '../../bench/benchmarks/all.ts';
import { drawPlot } from '../../bench/report/plot.ts';
import type { BenchmarkResult, RunResult } from '../../bench/report/results.ts';

/** Makes a result from the ratios of peers in CPU time, which the plot shows. */
function benchmark(name: string, ratios: Readonly<Record<string, number | undefined>>): BenchmarkResult {
  const peers = Object.entries(ratios).map(([peer, ratio]) => ({
    peer,
    summaries: {
      cpu: { median: 1, spread: 0, ratio },
      throughput: { median: 1, spread: 0, ratio: 77 },
    },
    busy: undefined,
    isLoadLimit: false,
    samples: [],
  }));
  return { name, title: `title of ${name}`, headline: 'cpu', peers, failures: [] };
}

function runOf(benchmarks: readonly BenchmarkResult[]): RunResult {
  return {
    date: '2025-01-01T00:00:00Z',
    machine: { processor: 'A & B <C>', processors: 2, memoryGiB: 4, system: 'linux', node: '20.1.2', v8: '11' },
    settings: {
      rounds: 1,
      warmUpMs: 1,
      windowMs: 1,
      isPatient: false,
      processors: undefined,
      profileFolder: undefined,
    },
    peers: { '4d-websocket': { version: '1.2.3', notes: '' }, ws: { version: '8.0.0', notes: '' } },
    skipped: [],
    benchmarks,
  };
}

const echo = benchmark('echo-text-64-16', { '4d-websocket': 8, ws: 1, 'uWebSockets.js': 4, 'node:net': 20 });

/** Returns the width of each bar by its class. */
function barsOf(svg: string | undefined): Record<string, number> {
  const bars = svg?.matchAll(/<rect [^>]*width="([\d.]+)" height="11" rx="1.5" class="(\w+)"/g) ?? [];
  return Object.fromEntries(Array.from(bars, ([, width, name]) => [name, Number(width)]));
}

describe('the plot', () => {
  test('has a bar for this library, ws and uWebSockets.js, on a logarithmic axis', () => {
    const svg = drawPlot(runOf([echo]));
    const { own = 0, base = 0, uws = 0 } = barsOf(svg);
    expect(base).toBe(2);
    expect(own / uws).toBeCloseTo(Math.log(8) / Math.log(4), 1);
    expect(svg).toContain('>8.00×<');
    expect(svg).toContain('>4d-websocket 1.2.3<');
    expect(svg).not.toContain('node:net');
    // The plot does not show messages per second.
    expect(svg).not.toContain('>77');
  });

  test('draws bars of worse peers to the left', () => {
    const svg = drawPlot(runOf([benchmark('handshakes', { '4d-websocket': 0.5, ws: 1 })]));
    const one = Number(/<line x1="([\d.]+)"[^>]* class="one"/.exec(svg ?? '')?.[1]);
    const own = /<rect x="([\d.]+)" y="1\d\d" width="([\d.]+)" height="11" rx="1.5" class="own"/.exec(svg ?? '');
    expect(Number(own?.[1]) + Number(own?.[2])).toBeCloseTo(one, 0);
    expect(Number(own?.[2])).toBeGreaterThan(10);
  });

  test('leaves out benchmarks that failed, have no ratio, or are no main load', () => {
    const failed = { ...echo, peers: [], failures: ['ws: messages lost'] };
    const alone = benchmark('fan-out-1', { '4d-websocket': undefined });
    const other = benchmark('idle-memory', { '4d-websocket': 2, ws: 1 });
    expect(drawPlot(runOf([failed, alone, other]))).toBeUndefined();
    expect(drawPlot(runOf([failed, alone, other, echo]))).not.toMatch(/idle-memory|To 500/);
  });

  test('is a well-formed standalone SVG for light and dark pages', () => {
    const svg = drawPlot(runOf([echo])) ?? '';
    expect(svg).toContain('@media(prefers-color-scheme:dark)');
    expect(svg).toContain('A &amp; B &lt;C>');
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(
      /https?:|url\(|@import|<script|<image|NaN|undefined/,
    );
    expect(svg.match(/<(text|svg|title|style)\b/g)?.length).toBe(svg.match(/<\/(text|svg|title|style)>/g)?.length);
  });

  test('draws only loads that exist', () => {
    const names = selectBenchmarks([]).map(({ name }) => name);
    const svg = drawPlot(runOf(names.map((name) => benchmark(name, { '4d-websocket': 2, ws: 1 }))));
    expect(svg?.match(/text-anchor="end"/g)).toHaveLength(8);
  });
});
