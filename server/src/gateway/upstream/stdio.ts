import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Started } from './line-connection.ts'
import { LineConnections } from './line-connections.ts'
import { startLineProcess, type LineListener } from './line-process.ts'
import { LineUpstream } from './line-upstream.ts'
import type { Confine, Sandbox, StdioLaunch, UpstreamKind, UpstreamNeeds } from './upstream-kind.ts'

/** Programs that speak in lines: one process for all callers, or one for each principal. */
export const stdioKind: UpstreamKind = {
  open(spec, needs) {
    if (spec.launch.kind !== 'stdio') throw new TypeError('stdioKind opens stdio upstreams')
    const processes = openProcesses({ upstream: spec.name, launch: spec.launch, needs })
    return new LineUpstream(spec, processes, spec.launch.process === 'shared' ? 'everybody' : 'principal')
  },
}

/** One principal's, by what its clients declare: they share a folder, as the programs of a desk do. */
const processesEachMax = 4

export function openProcesses(of: { upstream: string; launch: StdioLaunch; needs: UpstreamNeeds }): LineConnections {
  const { upstream, launch, needs } = of
  const shared = launch.process === 'shared'
  return new LineConnections({
    upstream,
    needs,
    shared,
    most: launch.processesMax,
    eachMax: processesEachMax,
    start: (key, listener, signal) => {
      const folder = shared ? launch.folder : join(launch.folder, 'principals', nameOf(key.split(' ', 1)[0]!))
      return start({ launch: { ...launch, folder }, needs }, listener, signal)
    },
  })
}

// A folder name that says nothing and fits every file system.
function nameOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 32)
}

async function start(
  { launch, needs }: { launch: StdioLaunch; needs: UpstreamNeeds },
  listener: LineListener,
  signal: AbortSignal,
): Promise<Started> {
  const [credential, { bwrap, says }] = await Promise.all([needs.credential(), admit(launch.confine, needs.sandbox)])
  if (signal.aborted) throw new Error('it is being closed')
  const secrets = credential?.placement === 'env' ? credential.values : {}
  const carrier = startLineProcess({ launch, secrets, log: needs.log, bwrap }, listener)
  return { carrier, runs: [says, sharing(launch)] }
}

/** How it is run, and what to say of that. */
interface Admitted {
  bwrap: string | undefined
  says: string
}

function sharing({ process, processesMax }: StdioLaunch): string {
  return process === 'shared' ? 'one process for everybody' : `a process for each principal, ${processesMax} at most`
}

/** How it may run here; fails where it must be confined and cannot be. */
async function admit(confine: Confine, sandbox: UpstreamNeeds['sandbox']): Promise<Admitted> {
  if (confine.sandbox === 'off')
    return { bwrap: undefined, says: 'not confined: the configuration says `sandbox: off`' }
  const found: Sandbox = (await sandbox?.()) ?? { works: false, why: 'nobody looked for one' }
  if (found.works) {
    const network = confine.network ? 'with the network of the machine, past the egress guard' : 'without the network'
    return { bwrap: found.bwrap, says: `confined by bubblewrap, ${network}` }
  }
  if (confine.sandbox === 'required') throw new Error(`its sandbox is required and there is none: ${found.why}`)
  return { bwrap: undefined, says: `not confined: ${found.why}` }
}
