import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { House } from './house.ts'

/** An address behind a door that writes. */
export interface WritingRoute {
  method: string
  /** What is shown of it: changing parts in braces. */
  path: string
  pattern: RegExp
  /** Nothing is done there for who has not proved who he is. */
  proved?: boolean
}

/** What the answers of a route told: the revision of a change that was made, the one that is, or none. */
export type Told = 'its change' | 'what is' | 'nothing'

const strength: readonly Told[] = ['nothing', 'what is', 'its change']

/** A pattern for a path with changing parts in braces. */
export function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`)
}

/**
 * Watches what houses answer, from outside of what they are made of: for every answer of theirs, whether the policy state
 * moved between request and answer, and what the answer told. What contradicts the rule is kept for `told`.
 *
 * The houses must be asked one request after another: what moves is then the request's doing.
 */
export class Writes {
  readonly #routes: readonly WritingRoute[]
  readonly #told = new Map<WritingRoute, Told>()
  readonly #wrong: string[] = []

  constructor(routes: readonly WritingRoute[]) {
    this.#routes = routes
  }

  /** Watches a house until the test ends. */
  watch(t: TestContext, house: House): void {
    const port = Number(new URL(house.url).port)
    const before = new WeakMap<ServerResponse, number>()
    const begin = (message: unknown): void => {
      const { socket, response } = message as Exchange
      if (socket.localPort === port) before.set(response, house.rooms.feed.revision)
    }
    const end = (message: unknown): void => {
      const { request, response } = message as Exchange
      const from = before.get(response)
      if (from !== undefined) this.#judge({ request, response, from, to: house.rooms.feed.revision })
    }
    subscribe('http.server.request.start', begin)
    subscribe('http.server.response.finish', end)
    t.after(() => {
      unsubscribe('http.server.request.start', begin)
      unsubscribe('http.server.response.finish', end)
    })
  }

  /** What each route told; whoever asks before all have been shown hears of those that were not. */
  told(): Record<string, Told | 'never shown'> {
    assert.deepEqual(this.#wrong, [])
    const rows = this.#routes.map((one) => [`${one.method} ${one.path}`, this.#told.get(one) ?? 'never shown'] as const)
    return Object.fromEntries(rows.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }

  #judge({ request, response, from, to }: Seen): void {
    const { method = '', url = '' } = request
    const path = url.split('?', 1)[0]!
    const header = response.getHeader('sallyport-revision')
    const status = response.statusCode
    const wrong = (why: string): void => {
      this.#wrong.push(`${method} ${path}, ${status}, told ${String(header)}: ${why}, from ${from} to ${to}`)
    }
    if (header === undefined) {
      if (to > from && status < 400 && !path.startsWith('/mcp/')) wrong('it moved the state and does not say so')
    } else if (status >= 400) wrong('it is refused')
    else if (Number(header) < from || Number(header) > to) wrong('there was no such state')
    else if (to > from && Number(header) === from) wrong('it tells the state before its change')
    const route = this.#routes.find((one) => one.method === method && one.pattern.test(path))
    if (route === undefined || status >= 400) return
    if (route.proved !== true && to === from && header !== undefined) wrong('who changes nothing hears of others')
    if (route.proved === true && status < 300 && header === undefined) wrong('it was done and tells nothing')
    const told: Told = header === undefined ? 'nothing' : Number(header) > from ? 'its change' : 'what is'
    const known = this.#told.get(route) ?? 'nothing'
    this.#told.set(route, strength.indexOf(told) > strength.indexOf(known) ? told : known)
  }
}

interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  socket: Socket
}

interface Seen {
  request: IncomingMessage
  response: ServerResponse
  /** The state when the request came, and when its answer was sent. */
  from: number
  to: number
}
