import { isObject } from '../base/json.ts'
import { instructionsKey, itemOf, nameOfItem } from '../model/item.ts'
import { revisions, type Envelope, type Era } from './envelope.ts'
import type { View } from './facts.ts'
import type { Lists } from './list.ts'
import { tasksExtension } from './upstream/era.ts'

/** Who asks what is served: what an upstream declares is shown as far as this caller may use it. */
export interface Greeted {
  lists: Lists
  /** Of the address. */
  name: string
  /** One for each upstream behind the address. */
  views: readonly View[]
}

/** The revision that a legacy client gets: the one that it asks for, or the newest. */
export function negotiate({ params }: Envelope): string {
  const asked = params['protocolVersion']
  return typeof asked === 'string' && revisions.legacy.includes(asked) ? asked : revisions.legacy[0]!
}

/**
 * Answers the handshake of the legacy eras. The session that it begins is carried by the client: any replica can serve it.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
 */
export function answerInitialize(envelope: Envelope, to: Greeted): Record<string, unknown> {
  return {
    protocolVersion: negotiate(envelope),
    capabilities: capabilitiesFor(to, 'legacy'),
    serverInfo: serverInfo(to),
    ...instructionsFor(to),
  }
}

/**
 * Answers the discovery of the modern era.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/server/discover
 */
export function answerDiscover(to: Greeted): Record<string, unknown> {
  return {
    supportedVersions: [...revisions.modern, ...revisions.legacy],
    capabilities: capabilitiesFor(to, 'modern'),
    ...instructionsFor(to),
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo(to) },
  }
}

// Of what the upstream declared, what we serve and no more.
const served: Readonly<Record<string, Record<string, unknown>>> = {
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  completions: {},
  logging: {},
}

function capabilitiesFor(to: Greeted, era: Era): Record<string, unknown> {
  const declared = to.views.map(({ catalogue }) => catalogue?.upstream.learnt?.capabilities ?? {})
  const own = ownView(to)
  const shown = own === undefined ? [] : to.lists.shown(own, 'extension').items
  const extensions = Object.fromEntries(
    shown.map(({ tool, definition }) => [itemOf(tool.name).key, definition?.['settings']]),
  )
  // Tasks exist between a modern client and a modern upstream alone.
  if (era === 'legacy' || own?.catalogue?.upstream.learnt?.era === 'legacy') delete extensions[tasksExtension]
  return {
    tools: { listChanged: true },
    ...Object.fromEntries(
      Object.entries(served).flatMap(([name, what]) => {
        const theirs = declared.map((one) => one[name]).filter((one) => one !== undefined)
        if (theirs.length === 0) return []
        const { subscribe: _subscribe, ...rest } = what
        return [[name, theirs.some((one) => isObject(one) && one['subscribe'] === true) ? what : rest]]
      }),
    ),
    ...(Object.keys(extensions).length > 0 && { extensions }),
  }
}

// Words for the model: shown like any other item, as they were accepted and to whom they were given.
function instructionsFor(to: Greeted): { instructions?: unknown } {
  const view = ownView(to)
  if (view === undefined) return {}
  const name = nameOfItem({ kind: 'text', key: instructionsKey })
  const found = to.lists.shown(view, 'text').items.find(({ tool }) => tool.name === name)
  return found === undefined ? {} : { instructions: found.definition?.['text'] }
}

function serverInfo(to: Greeted): { name: string; version: string } {
  const view = ownView(to)
  const version = view === undefined ? '1' : view.catalogue?.upstream.learnt?.serverVersion
  return { name: to.name, version: version ?? 'unknown' }
}

// At the address of a bundle no one member speaks for all.
function ownView({ name, views }: Greeted): View | undefined {
  return views.find(({ catalogue }) => catalogue?.upstream.name === name)
}
