import { spawn } from 'node:child_process'

/** How a program ended, and everything that it wrote. */
export interface Ended {
  readonly ok: boolean
  readonly output: string
}

/** Runs a program of `node_modules/.bin` and collects what it writes. */
export function runProgram(name: string, args: readonly string[], root: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(`${root}/node_modules/.bin/${name}`, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const collect = (chunk: Buffer): void => void (output += chunk.toString())
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.once('error', reject)
    child.once('close', (code) => resolve({ ok: code === 0, output }))
  })
}
