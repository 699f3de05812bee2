import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, sep } from 'node:path'
import type { Sandbox, StdioLaunch } from './upstream-kind.ts'

// What a program of an upstream can see and touch: bubblewrap's namespaces where the machine has it. Without it, a
// program has every right of the user that runs us, and that is said wherever it is asked.

/** The only folders in which programs are looked for by name. */
export const programPath = '/usr/local/bin:/usr/bin:/bin'

/** Where people, other programs and we keep things that are nobody else's; sockets of the system's services too. */
const emptied = ['/home', '/root', '/tmp', '/var/tmp', '/run', '/mnt', '/media']

const system = ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc']

const probeMsMax = 10_000

/** Tries it once, with all that a program gets: that `bwrap` is there does not say that this kernel lets it work. */
export async function findSandbox(): Promise<Sandbox> {
  if (process.platform !== 'linux') return { works: false, why: 'bubblewrap is for Linux only' }
  const bwrap = findProgram('bwrap')
  if (bwrap === undefined) return { works: false, why: 'bubblewrap is not installed (`bwrap` is not in /usr/bin)' }
  const args = [...namespaces(false), ...system, '--', 'true']
  return new Promise((settle) => {
    execFile(bwrap, args, { env: { PATH: programPath }, timeout: probeMsMax }, (error, _stdout, stderr) => {
      const why = `bubblewrap does not work here: ${stderr.trim().slice(-300) || String(error?.message)}`
      settle(error === null ? { works: true, bwrap } : { works: false, why })
    })
  })
}

/** What is to be run so that the program runs confined. Its environment goes by the environment, not by arguments. */
export function confinedCommand(bwrap: string, launch: StdioLaunch): { command: string; args: string[] } {
  const { confine } = launch
  const { folder } = launch
  const args = [
    ...namespaces(confine.network),
    ...system,
    ...emptied.filter((path) => existsSync(path)).flatMap((path) => ['--tmpfs', path]),
    ...[...commandFiles(launch), ...(confine.network ? resolverFiles() : [])].flatMap((path) =>
      bind('--ro-bind', path),
    ),
    ...confine.readable.flatMap((path) => bind('--ro-bind', path)),
    ...confine.writable.flatMap((path) => bind('--bind', path)),
    ...confine.hidden.flatMap(hide),
  ]
  const own = ['--bind', folder, folder, '--chdir', folder]
  return { command: bwrap, args: [...args, ...own, '--', ...limited(), launch.command, ...launch.args] }
}

// Killing what we started ends everything in its process namespace, whatever session or group that has fled to.
function namespaces(network: boolean): string[] {
  const unshared = ['user', 'pid', 'ipc', 'uts', ...(network ? [] : ['net'])].map((name) => `--unshare-${name}`)
  return [...unshared, '--unshare-cgroup-try', '--hostname', 'upstream', '--new-session', '--die-with-parent'].concat(
    '--cap-drop',
    'ALL',
  )
}

const limits = ['--core=0', '--nofile=4096', '--nproc=512', `--data=${4 * 1024 ** 3}`]

// Inside, so that only what runs there is counted.
function limited(): string[] {
  const prlimit = findProgram('prlimit')
  return prlimit === undefined ? [] : [prlimit, ...limits, '--']
}

/** The program itself, where it stands by its path: as it is named, and what the name leads to. */
function commandFiles({ command }: StdioLaunch): string[] {
  if (!isAbsolute(command) || !existsSync(command)) return []
  return [...new Set([command, realpathSync(command)])].filter(isEmptied)
}

/** Names are resolved by what this file names; it often lies among the services of the system. */
function resolverFiles(): string[] {
  try {
    return [realpathSync('/etc/resolv.conf')].filter(isEmptied)
  } catch {
    return []
  }
}

function isEmptied(path: string): boolean {
  return emptied.some((folder) => path.startsWith(folder + sep))
}

function bind(how: '--ro-bind' | '--bind', path: string): string[] {
  return existsSync(path) ? [how, path, path] : []
}

function hide(path: string): string[] {
  if (!existsSync(path)) return []
  const real = realpathSync(path)
  return statSync(real).isDirectory() ? ['--tmpfs', real] : ['--ro-bind', '/dev/null', real]
}

function findProgram(name: string): string | undefined {
  return programPath
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
