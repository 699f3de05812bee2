import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** The programs of this folder. */
export type ProgramName =
  | 'bare-proxy'
  | 'gateway'
  | 'idle'
  | 'lanes'
  | 'load'
  | 'mcp-proxy'
  | 'sdk-relay'
  | 'sdk-server'
  | 'upstream'

/** A process of a bench. */
export interface Program {
  /** Asks it something; it answers one question at a time. */
  ask<Answer>(question: unknown): Promise<Answer>
  /** Tells it something that has no answer. */
  tell(what: unknown): void
  /** Lets it end by itself, so that a profile is written. */
  stop(): Promise<void>
}

/**
 * Starts a program of this folder.
 *
 * @returns it, and the first thing that it said: where it is reached.
 */
export async function startProgram(
  name: ProgramName,
  args: string[] = [],
  execArgv: string[] = [],
): Promise<Program & { first: string }> {
  const path = fileURLToPath(new URL(`./${name}-program.ts`, import.meta.url))
  const child = fork(path, args, { execArgv })
  const first = (await answer(child)) as string
  return {
    first,
    ask: (question) => {
      child.send(question as object)
      return answer(child) as Promise<never>
    },
    tell: (what) => {
      child.send(what as object)
    },
    async stop() {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}

async function answer(child: ChildProcess): Promise<unknown> {
  const done = new AbortController()
  const { signal } = done
  try {
    const [message] = (await Promise.race([
      once(child, 'message', { signal }),
      once(child, 'exit', { signal }).then(([code]) => {
        throw new Error(`a process of the bench ended with code ${String(code)}`)
      }),
    ])) as [unknown]
    return message
  } finally {
    done.abort()
  }
}
