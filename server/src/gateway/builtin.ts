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

/** Where the packages of this installation lie: those of the upstreams, and all that they import. */
function packagesOf(script: string): string {
  return script.slice(0, script.indexOf('/node_modules/') + '/node_modules'.length)
}

interface Script {
  folder: string
  script: string
  args?: string[]
  env?: Record<string, string>
  network: boolean
}

function launchOf({ folder, script, args = [], env = {}, network }: Script): StdioLaunch {
  return {
    kind: 'stdio',
    command: process.execPath,
    args: [script, ...args],
    env,
    folder,
    process: 'shared',
    processesMax: 1,
    confine: { sandbox: 'when_available', network, readable: [packagesOf(script)], writable: [], hidden: [] },
  }
}

/**
 * The upstreams that come with the product, by the names that a launch uses. They are packages of this installation, run
 * by the Node that runs us: what is started depends on nothing outside.
 */
export const builtinLaunches: Readonly<Record<string, BuiltinLaunch>> = {
  memory: {
    purpose: 'A knowledge graph that agents write and read: entities, relations, observations, kept in one local file.',
    credentialNames: [],
    launchIn: (folder) =>
      launchOf({
        folder,
        script: require.resolve('@modelcontextprotocol/server-memory/dist/index.js'),
        env: { MEMORY_FILE_PATH: resolve(folder, 'memory.jsonl') },
        network: false,
      }),
  },
  mux: {
    purpose: 'The Mux video platform: assets, live streams, uploads, playback and signing keys, analytics.',
    credentialNames: ['MUX_TOKEN_ID', 'MUX_TOKEN_SECRET'],
    launchIn: (folder) =>
      launchOf({ folder, script: require.resolve('@mux/mcp/index.js'), args: ['--tools=all'], network: true }),
  },
}
