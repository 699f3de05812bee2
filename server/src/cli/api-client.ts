import { openDialer } from '../base/dial.ts'
import { Fault } from '../base/fault.ts'

/** A running Sallyport, spoken to by its control API in the name of who holds the operator key. */
export interface ApiClient {
  get<T>(path: string, query?: Record<string, string | number | undefined>): Promise<T>
  post<T>(path: string, body: Record<string, unknown>): Promise<T>
  close(): Promise<void>
}

/** Something that cannot be done, said in one line. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
}

const defaultUrl = 'http://127.0.0.1:8700'
// A page of an export may hold 500 entries of 64 KiB.
const answerBytesMax = 64 * 1024 * 1024
const answerTimeoutMs = 60_000

/**
 * Opens a client of the control API.
 *
 * @param env `SALLYPORT_URL`, by default `http://127.0.0.1:8700`; `SALLYPORT_KEY`, made on the page `/you`.
 * @throws {Refusal} if there is no key, or the address is plain http to another machine: the key would travel in clear.
 */
export function openApiClient(env: Readonly<Record<string, string | undefined>>): ApiClient {
  const base = readBase(env['SALLYPORT_URL'] || defaultUrl)
  const key = env['SALLYPORT_KEY']
  if (!key) throw new Refusal(`set SALLYPORT_KEY to an operator key: make one at ${base.origin}/you`)
  if (!/^[\x21-\x7e]+$/.test(key))
    throw new Refusal('SALLYPORT_KEY is not an operator key: copy it whole, and nothing else')
  const port = base.port || (base.protocol === 'https:' ? '443' : '80')
  const dialer = openDialer({ allowPrivate: [`${base.hostname}:${port}`] })

  async function ask<T>(url: URL, init: RequestInit): Promise<T> {
    const headers = { authorization: `Bearer ${key}`, accept: 'application/json', 'content-type': 'application/json' }
    let answer: Response
    try {
      const caps = { bytesMax: answerBytesMax, timeoutMs: answerTimeoutMs }
      answer = await dialer.fetch(url, { ...init, headers }, caps)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      const hint =
        error.code === 'base.unreachable' ? ': is it running there? Set SALLYPORT_URL if it is elsewhere' : ''
      throw new Refusal(`${error.message}${hint}`)
    }
    const value = readAnswer(await answer.text())
    if (answer.ok && value !== undefined) return value as T
    const { code, message } = (value ?? {}) as { code?: unknown; message?: unknown }
    if (typeof message !== 'string')
      throw new Refusal(`${base.origin} does not answer as a Sallyport: ${answer.status}`)
    const hint =
      code === 'control.signed_out' ? `: SALLYPORT_KEY has ended, make another one at ${base.origin}/you` : ''
    throw new Refusal(`${hint ? 'the operator key is not accepted' : message}${hint} (${String(code)})`)
  }

  return {
    get(path, query = {}) {
      const url = new URL(`/api/v1${path}`, base)
      for (const [name, value] of Object.entries(query)) {
        if (value !== undefined) url.searchParams.set(name, String(value))
      }
      return ask(url, { method: 'GET' })
    },
    post: (path, body) => ask(new URL(`/api/v1${path}`, base), { method: 'POST', body: JSON.stringify(body) }),
    close: () => dialer.close(),
  }
}

function readBase(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new Refusal(`SALLYPORT_URL must be an address such as ${defaultUrl}`)
  }
  const here = /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname)
  if (url.protocol === 'http:' && !here) {
    throw new Refusal('SALLYPORT_URL must start with https: over plain http the key would travel in clear')
  }
  return url
}

function readAnswer(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
