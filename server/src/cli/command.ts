import { buildCommand, type Command, type CommandContext } from '@stricli/core'
import { Fault } from '../base/fault.ts'
import { openApiClient, Refusal, type ApiClient } from './api-client.ts'

/** One flag: a text that must be given, one that may be, or a switch. */
export interface FlagSpec {
  kind: 'text' | 'optional' | 'switch'
  brief: string
  /** How its value is called in the help. */
  placeholder?: string
}

/** What was given to a command. Texts that may be absent are; switches are there or not. */
export class Given {
  readonly #flags: Readonly<Record<string, string | boolean | undefined>>
  readonly args: readonly string[]

  constructor(flags: Readonly<Record<string, string | boolean | undefined>>, args: readonly string[]) {
    this.#flags = flags
    this.args = args
  }

  /** A text that must be given. */
  text(name: string): string {
    return String(this.#flags[name])
  }

  /** A text that may be given. */
  optional(name: string): string | undefined {
    const value = this.#flags[name]
    return value === undefined ? undefined : String(value)
  }

  has(name: string): boolean {
    return this.#flags[name] === true
  }
}

/** A command as it is written in `command/`. */
export interface CommandSpec<Result> {
  brief: string
  flags?: Readonly<Record<string, FlagSpec>>
  /** Placeholders of the arguments, all of which must be given. */
  args?: readonly { name: string; brief: string }[]
  run(given: Given): Promise<Result>
  /** The result for people; `--json` prints it as it is. */
  show(result: Result, given: Given): string
  /** Whether the result is a failure: exit code 1. */
  failed?(result: Result): boolean
}

/** Makes a command. What it refuses becomes one line on the error stream and exit code 1. */
export function command<Result>(spec: CommandSpec<Result>): Command<CommandContext> {
  const switches: Record<string, FlagSpec> = { ...spec.flags, json: { kind: 'switch', brief: 'print JSON' } }
  const flags = Object.entries(switches).map(([name, { kind, brief, placeholder }]) => [
    name,
    kind === 'switch'
      ? { kind: 'boolean', brief, default: false, withNegated: false }
      : { kind: 'parsed', parse: String, brief, optional: kind === 'optional', ...(placeholder && { placeholder }) },
  ])
  const parameters = {
    flags: Object.fromEntries(flags) as Record<string, never>,
    positional: {
      kind: 'tuple',
      parameters: (spec.args ?? []).map(({ name, brief }) => ({ placeholder: name, brief, parse: String })),
    },
  }
  return buildCommand<Record<string, never>, string[]>({
    docs: { brief: spec.brief },
    parameters: parameters as never,
    async func(flags: Record<string, string | boolean | undefined>, ...args: string[]): Promise<Error | void> {
      const given = new Given(flags, args)
      try {
        const result = await spec.run(given)
        process.stdout.write(`${given.has('json') ? JSON.stringify(result, null, 2) : spec.show(result, given)}\n`)
        if (spec.failed?.(result)) process.exitCode = 1
        return undefined
      } catch (error) {
        if (error instanceof Refusal || error instanceof Fault) return new Error(error.message)
        throw error
      }
    },
  })
}

/** Makes a command that speaks to a running Sallyport. */
export function onlineCommand<Result>(
  spec: Omit<CommandSpec<Result>, 'run'> & { call(api: ApiClient, given: Given): Promise<Result> },
): Command<CommandContext> {
  const { call, ...rest } = spec
  return command({
    ...rest,
    async run(given) {
      const api = openApiClient(process.env)
      try {
        return await call(api, given)
      } finally {
        await api.close()
      }
    },
  })
}
