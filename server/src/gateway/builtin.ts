import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import type { StdioLaunch } from './upstream/upstream-kind.ts'

const require = createRequire(import.meta.url)

/** An upstream that comes with the product, and how its process is started. */
export interface BuiltinLaunch {
  /** What the upstream is for, for those who see it in a list. */
  purpose: string
  /** The environment variables in which it takes its credential. */
  credentialNames: readonly string[]
  /** @param folder The only place where it may keep anything. */
  launchIn(folder: string): StdioLaunch
}

/**
 * The upstreams that come with the product, by the names that a launch uses. They are packages of this installation, run
 * by the Node that runs us: what is started depends on nothing outside.
 */
export const builtinLaunches: Readonly<Record<string, BuiltinLaunch>> = {
  memory: {
    purpose: 'A knowledge graph that agents write and read: entities, relations, observations, kept in one local file.',
    credentialNames: [],
    launchIn: (folder) => ({
      kind: 'stdio',
      command: process.execPath,
      args: [require.resolve('@modelcontextprotocol/server-memory/dist/index.js')],
      env: { MEMORY_FILE_PATH: resolve(folder, 'memory.jsonl') },
      folder,
    }),
  },
  mux: {
    purpose: 'The Mux video platform: assets, live streams, uploads, playback and signing keys, analytics.',
    credentialNames: ['MUX_TOKEN_ID', 'MUX_TOKEN_SECRET'],
    launchIn: (folder) => ({
      kind: 'stdio',
      command: process.execPath,
      args: [require.resolve('@mux/mcp/index.js'), '--tools=all'],
      env: {},
      folder,
    }),
  },
}
