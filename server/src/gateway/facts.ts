import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import type { CatalogueTool, PinnedCatalogue } from '../inventory/catalogue.ts'
import { grantAt, type Bundle } from '../model/bundle.ts'
import { findLack } from '../model/login.ts'
import type { Principal } from '../model/principal.ts'
import type { Client, Entitlement, Grant } from '../model/rights.ts'
import type { Caller } from '../oauth/access-token.ts'
import { reaches } from '../oauth/scopes.ts'
import type { ApprovalFact, Facts } from '../policy/facts.ts'
import type { Feed } from '../store/feed.ts'
import type { About } from '../store/revisions.ts'
import { rulesOfItem } from './arguments/item-rules.ts'
import type { Rule } from './arguments/rules.ts'

/** Where the facts come from: one question each, asked of the rooms that know. */
export interface Sources {
  findPrincipal(id: string): Promise<Principal | undefined>
  findClient(id: string): Promise<Client | undefined>
  findGrant(id: string): Promise<Grant | undefined>
  readPinned(upstream: string): Promise<PinnedCatalogue | undefined>
  listEntitlements(of: { principalId: string; upstream: string }): Promise<Entitlement[]>
  listBundles(): Promise<Bundle[]>
}

/** All that one grant may look at on one upstream, read at one revision. */
export interface View {
  readonly revision: number
  readonly principal: Principal | undefined
  readonly client: Client | undefined
  readonly grant: Grant | undefined
  readonly catalogue: PinnedCatalogue | undefined
  readonly entitlements: ReadonlyMap<string, Entitlement[]>
  /** Whether the caller proved to hold the key of its token. */
  readonly proven: boolean
  /** The scopes beyond which its token reaches nothing; undefined where it reaches all of the grant. */
  readonly bound: Caller['bound']
  rulesOf(tool: CatalogueTool): Rule
}

// A view of a hundred tools is some hundred kilobytes at the most; the shared catalogue is counted once.
const viewsMax = 10_000

/** News of these say nothing about an upstream or what it offers. */
const leavesCatalogues: ReadonlySet<About['kind']> = new Set([
  'approval',
  'client',
  'connection',
  'entitlement',
  'grant',
  'group',
  'principal',
  'setting',
  'sign-in',
])

/** What is asked of a view. */
interface Question {
  tool: string
  /** Absent when only the list is asked for. */
  argumentsDigest?: string
  /** Who acts for the principal: of a view there may be several. */
  actor?: string | undefined
  arguments?: Readonly<Record<string, unknown>>
  approval?: ApprovalFact | undefined
  /** When the call was made, of one that is under way. */
  at?: number | undefined
}

/** A caller hears within this time that nothing can be decided, whatever the store is waiting for. */
const readMsMax = 1_800

/**
 * The next instant after `now` at which a right of this view ends by time: until then, and while the policy state does not
 * move, the same question has the same answer. `Infinity` when none ends.
 */
export function nextEnd({ grant, entitlements }: View, now: number): number {
  let next = grant !== undefined && grant.endsAt > now ? grant.endsAt : Infinity
  for (const all of entitlements.values()) {
    for (const { endsAt } of all) if (endsAt !== undefined && endsAt > now && endsAt < next) next = endsAt
  }
  return next
}

/**
 * The facts of the moment. What is remembered of the callers is forgotten whole with every new revision; what the upstreams
 * offer, which is much, with all news but those of `leavesCatalogues`.
 */
export class FactSource {
  readonly #feed: Feed
  readonly #sources: Sources
  readonly #clock: Clock
  #revision = -1
  /** The newest step that the catalogues have been told of. */
  #heard: number
  readonly #views = new Map<string, Promise<View>>()
  readonly #catalogues = new Map<string, Promise<Shared | undefined>>()
  #bundles: ReadonlyMap<string, Bundle> | Promise<ReadonlyMap<string, Bundle>> | undefined

  constructor(rooms: { feed: Feed; sources: Sources; clock: Clock }) {
    this.#feed = rooms.feed
    this.#sources = rooms.sources
    this.#clock = rooms.clock
    this.#heard = rooms.feed.revision
    this.#feed.subscribe(({ kind }, revision) => {
      if (!leavesCatalogues.has(kind)) this.#forgetCatalogues()
      this.#heard = revision
    })
  }

  /** The instant of a decision that is made now. */
  now(): number {
    return this.#clock.now()
  }

  get revision(): number {
    return this.#feed.revision
  }

  /** Sees to it that `revision` has been heard of, whichever replica made it. */
  async hear(revision: number): Promise<void> {
    if (this.#feed.revision < revision) await this.#feed.catchUp()
  }

  /** The bundle at an address; undefined where an upstream is there, or nothing. Without waiting where that is known. */
  bundle(name: string): Bundle | undefined | Promise<Bundle | undefined> {
    if (this.#heard !== this.#feed.revision) this.#forgetCatalogues()
    this.#bundles ??= this.#readBundles()
    return this.#bundles instanceof Promise ? this.#bundles.then((all) => all.get(name)) : this.#bundles.get(name)
  }

  #readBundles(): Promise<ReadonlyMap<string, Bundle>> {
    const asked = this.#sources.listBundles().then((all) => new Map(all.map((bundle) => [bundle.name, bundle])))
    const keep = (known: ReadonlyMap<string, Bundle> | undefined): void => {
      if (this.#bundles === asked) this.#bundles = known
    }
    asked.then(keep, () => keep(undefined))
    return asked
  }

  /** The views of a caller on each upstream behind its address, in the order of the address. */
  async views(caller: Caller): Promise<View[]> {
    const bundle = await this.bundle(caller.upstream)
    if (bundle === undefined) return [await this.view(caller)]
    return Promise.all(bundle.members.map(({ upstream }) => this.view(caller, upstream)))
  }

  /**
   * The view of a caller on one upstream, read at one revision. At the address of a bundle the grant in it is the part that
   * concerns this upstream, and none where the upstream is not a member.
   *
   * @throws {Fault} `base.busy` when this process has not heard the revision feed within its lease: what it remembers may
   *   be stale, so it refuses to serve.
   */
  view(caller: Caller, upstream = caller.upstream): Promise<View> {
    if (!this.#feed.isFresh()) {
      throw new Fault('base.busy', 'cannot decide now: the news of withdrawn rights is late; try again in a moment')
    }
    if (this.#revision !== this.#feed.revision || this.#views.size > viewsMax) this.#forget()
    const key = upstream === caller.upstream ? caller.key : `${caller.key}\n${upstream}`
    let view = this.#views.get(key)
    if (view === undefined) {
      view = inTime(this.#read(caller, upstream))
      this.#views.set(key, view)
      view.catch(() => this.#views.delete(key))
    }
    return view
  }

  /**
   * The facts of one question, from the view.
   *
   * @param question `argumentsDigest` is absent when only the list is asked for.
   */
  gather(view: View, question: Question): Facts {
    const { principal, client, grant, catalogue } = view
    const now = this.#clock.now()
    const known = catalogue?.tools.get(question.tool)?.tool
    const { tool, argumentsDigest, actor, at } = question
    let entitlement: Entitlement | undefined
    for (const one of view.entitlements.get(tool) ?? []) {
      if (one.revokedAt !== undefined || (one.endsAt !== undefined && one.endsAt <= now)) continue
      entitlement ??= one
      // Of several that hold, one whose demand of the login is met.
      if (one.login !== undefined && findLack(grant?.login, one.login, at ?? now) !== undefined) continue
      entitlement = one
      break
    }
    return {
      now,
      revision: view.revision,
      principal,
      client,
      upstream: catalogue?.upstream,
      proven: view.proven,
      reached: view.bound?.some((scope) => known !== undefined && reaches(scope, known)) ?? true,
      tool: known,
      entitlement,
      grant: grant && {
        ...grant,
        toolDigest: grant.tools.get(question.tool),
        limits: grant.limits?.get(question.tool),
      },
      call: argumentsDigest === undefined ? undefined : { argumentsDigest, actor, arguments: question.arguments, at },
      approval: question.approval,
    }
  }

  #forgetCatalogues(): void {
    this.#catalogues.clear()
    this.#bundles = undefined
  }

  #forget(): void {
    this.#revision = this.#feed.revision
    this.#views.clear()
  }

  // If the policy state moves while we read, the reading is repeated, so that a view is of one revision and no mixture.
  async #read(caller: Caller, upstream: string): Promise<View> {
    for (let attempt = 0; attempt < 10; attempt++) {
      const revision = this.#feed.revision
      const [principal, client, given, bundle, shared, entitlements] = await Promise.all([
        this.#sources.findPrincipal(caller.principalId),
        this.#sources.findClient(caller.clientId),
        this.#sources.findGrant(caller.grantId),
        upstream === caller.upstream ? undefined : this.bundle(caller.upstream),
        this.#catalogue(upstream),
        this.#sources.listEntitlements({ principalId: caller.principalId, upstream }),
      ])
      if (this.#feed.revision !== revision) {
        this.#catalogues.delete(upstream)
        this.#bundles = undefined
        continue
      }
      const grant = upstream === caller.upstream ? given : grantAt(given, bundle, upstream)
      const rules = shared?.rules ?? new Map<CatalogueTool, Rule>()
      return {
        revision,
        principal,
        client,
        grant,
        catalogue: shared?.catalogue,
        proven: caller.boundTo !== undefined,
        bound: caller.bound,
        entitlements: Map.groupBy(
          entitlements.filter((one) => one.right === 'use'),
          (one) => one.tool,
        ),
        rulesOf: (tool) => remember(rules, tool),
      }
    }
    throw new Fault('base.busy', 'cannot decide now: the rights are changing; try again in a moment')
  }

  #catalogue(upstream: string): Promise<Shared | undefined> {
    // Another subscriber was told first and asks already: nothing remembered is known to be of this revision.
    if (this.#heard !== this.#feed.revision) this.#forgetCatalogues()
    let shared = this.#catalogues.get(upstream)
    if (shared === undefined) {
      shared = this.#sources
        .readPinned(upstream)
        .then((catalogue) => catalogue && { catalogue, rules: new Map<CatalogueTool, Rule>() })
      this.#catalogues.set(upstream, shared)
      shared.catch(() => this.#catalogues.delete(upstream))
    }
    return shared
  }
}

function inTime<T>(reading: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    late.reject(new Fault('base.busy', 'cannot decide now: the store does not answer; try again in a moment'))
  }, readMsMax)
  return Promise.race([reading, late.promise]).finally(() => clearTimeout(timer))
}

interface Shared {
  catalogue: PinnedCatalogue
  rules: Map<CatalogueTool, Rule>
}

function remember(rules: Map<CatalogueTool, Rule>, tool: CatalogueTool): Rule {
  let rule = rules.get(tool)
  if (rule === undefined) {
    rule = rulesOfItem(tool)
    rules.set(tool, rule)
  }
  return rule
}
