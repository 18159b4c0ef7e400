import type { TestProject } from 'vitest/node';
import { curl } from './http-clients.ts';
import { peers } from './peers.ts';
import { proxies } from './proxies.ts';
import { findVersion } from './tools.ts';

/** Runs once before the tests with real peers: finds the tools, and says in a line which are there. */
export default function findTools(project: TestProject): void {
  const tools = [...peers, curl, ...proxies];
  const versions: Record<string, string> = {};
  for (const tool of tools) {
    const version = findVersion(tool);
    if (version !== undefined) versions[tool.name] = version;
  }
  project.provide('toolVersions', versions);
  const found = Object.entries(versions).map((entry) => entry.join(' '));
  const missing = tools.filter(({ name }) => versions[name] === undefined);
  const skipped = missing.map(({ name, packages }) => `${name} (apt-get install ${packages})`);
  process.stdout.write(`found: ${found.join(', ') || 'none'}; not installed: ${skipped.join(', ') || 'none'}\n`);
}
