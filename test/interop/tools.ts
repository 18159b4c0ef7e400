import { execFileSync } from 'node:child_process';
import { describe, inject } from 'vitest';

/** A command with its arguments. */
export type Command = readonly [command: string, ...args: string[]];

/** A program that the tests need and that may not be installed. */
export interface Tool {
  readonly name: string;
  /** Prints the version, with other words around it or without; fails when the tool is not installed. */
  readonly version: Command;
  /** The Debian packages that have the tool. */
  readonly packages: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Versions of the tools that are installed, by name. */
    toolVersions: Readonly<Record<string, string>>;
  }
}

/** Finds out which version of a tool is installed. Returns undefined when none is. */
export function findVersion({ version: [command, ...args] }: Tool): string | undefined {
  try {
    // nginx prints to stderr.
    const printed = execFileSync('sh', ['-c', 'exec "$0" "$@" 2>&1', command, ...args], { encoding: 'utf8' });
    return /\d+(?:\.\d+)+/.exec(printed)?.[0];
  } catch {
    return undefined;
  }
}

/** As `describe`, for tests that need a tool: without the tool they are skipped, and the title says so. */
export function describeTool(tool: Tool, body: () => void): void {
  const version = inject('toolVersions')[tool.name];
  const title =
    version === undefined
      ? `${tool.name} (not installed: apt-get install ${tool.packages})`
      : `${tool.name} ${version}`;
  describe.skipIf(version === undefined)(title, body);
}
