import pino from 'pino'
import { prettyLine } from './log/pretty.ts'
import { withoutSecrets } from './log/without-secrets.ts'

/** Where the house says what operators should know. Fields first, then one sentence without values in it. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** How to log. */
export interface LogOptions {
  level: 'debug' | 'info' | 'warn' | 'error'
  /** One readable line for people instead of one line of JSON. */
  pretty?: boolean
  /** Where lines go; the standard error stream when absent. Each is complete and ends in a line feed. */
  write?: (line: string) => void
}

/**
 * Opens the log: one line of JSON for each message, on standard error, written before the call returns.
 *
 * The promise: fields whose name says that they hold a credential (tokens, cookies, authorization, secrets, passwords,
 * keys) are never written, at whatever depth and level; nor are bearer and basic credentials inside other texts. Errors
 * are written with type, code, detail, stack and cause.
 *
 * The log is for operators; what must be provable goes to the ledger.
 */
export function openLog({ level, pretty = false, write }: LogOptions): Log {
  const destination = write ? { write } : pino.destination({ fd: 2, sync: true })
  const options: pino.LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    // The library would write errors by itself; they go through the same sieve as everything else.
    serializers: {},
    formatters: {
      level: (label) => ({ level: label }),
      log: (fields) => withoutSecrets(fields) as Record<string, unknown>,
    },
  }
  const target = pretty ? { write: (line: string) => void destination.write(prettyLine(line)) } : destination
  const logger = pino(options, target)
  return {
    debug: (fields, message) => logger.debug({ ...fields }, message),
    info: (fields, message) => logger.info({ ...fields }, message),
    warn: (fields, message) => logger.warn({ ...fields }, message),
    error: (fields, message) => logger.error({ ...fields }, message),
  }
}
