import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { installPackedLibrary, installTools } from '../helpers/packed-library.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** An application that has installed the packed library, and has the tools of this folder in its parent. */
    appFolder: string;
  }
}

const here = fileURLToPath(new URL('.', import.meta.url));

/** Runs once before the tests of this folder. */
export default function installApp(project: TestProject): () => void {
  installTools(here);
  const folder = mkdtempSync(join(tmpdir(), 'package-app-'));
  // The tools are found in the parent of the application, and the library nowhere but in the application.
  symlinkSync(join(here, 'node_modules'), join(folder, 'node_modules'));
  const app = join(folder, 'app');
  cpSync(join(here, 'app'), app, { recursive: true });
  installPackedLibrary(app);
  project.provide('appFolder', app);
  return () => rmSync(folder, { recursive: true });
}
