import { visible } from '../visible.ts'

/** Turns one line of JSON into one that people read; anything that a terminal would obey is made visible. */
export function prettyLine(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const rest = Object.entries(fields).map(([name, value]) => ` ${visible(name)}=${show(value)}`)
  const stacks = Object.values(fields).flatMap((value) => stackOf(value))
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${visible(String(msg))}${rest.join('')}${stacks.join('')}\n`
}

function show(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:/@-]+$/.test(value) ? value : visible(JSON.stringify(value))
  if (isError(value)) return visible(JSON.stringify(value.message))
  return visible(JSON.stringify(value) ?? 'undefined')
}

function stackOf(value: unknown): string[] {
  if (!isError(value) || typeof value.stack !== 'string') return []
  return value.stack
    .split('\n')
    .slice(1, 9)
    .map((line) => `\n         ${visible(line.trim())}`)
}

function isError(value: unknown): value is { message: unknown; stack?: unknown } {
  return typeof value === 'object' && value !== null && 'message' in value && 'type' in value
}
