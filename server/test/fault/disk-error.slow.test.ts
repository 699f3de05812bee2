import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { endure } from './outage.ts'
import { setUpRig } from './rig.ts'
import { leftOut } from '../left-out.ts'
import { inTime } from '../patience.ts'

// A disk that says EIO to every flush: strace, attached to the running gateway, answers in its place.

const flushes = 'fsync,fdatasync'

function canAttach(): boolean {
  const attach = 'sleep 1 & exec strace -qq -o /dev/null -e trace=none -p $!'
  return spawnSync('sh', ['-c', attach], { stdio: 'ignore' }).status === 0
}

async function failFlushes(pid: number): Promise<ChildProcess> {
  const inject = [`trace=${flushes}`, '-e', `inject=${flushes}:error=EIO`]
  const strace = spawn('strace', ['-f', '-p', String(pid), '-o', '/dev/null', '-e', ...inject], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // It says that it is attached, thread by thread.
  await inTime(once(strace.stderr, 'data'), 'strace is attached')
  return strace
}

const skip = leftOut(canAttach(), 'strace is not here, or may not trace what runs already')

test(
  'while the disk answers every flush with EIO, calls are refused within two seconds and not sent, until it is well',
  { skip },
  async (t) => {
    const rig = await setUpRig(t)
    const gateway = rig.start()
    await gateway.ready
    let strace: ChildProcess | undefined
    t.after(() => strace?.kill('SIGKILL'))
    const outage = (name: string, forMs: number) => ({
      name,
      forMs,
      begin: async () => void (strace = await failFlushes(gateway.pid)),
      async end() {
        const detached = once(strace!, 'exit')
        strace!.kill('SIGINT')
        await inTime(detached, 'strace is detached')
      },
    })
    t.diagnostic(await endure(rig, gateway, { outages: [outage('EIO', 2_500), outage('EIO again', 5_000)] }))
  },
)
