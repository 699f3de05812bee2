import ipaddr from 'ipaddr.js'
import { isName } from './allowed.ts'
import type { Allowed, AllowList } from './allowed.ts'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Where a connection is about to go, before any name is resolved. */
export interface Destination {
  protocol: string
  /** As the URL parser wrote it; IPv6 with or without brackets. */
  hostname: string
  port: number
}

const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')

/** The kind of an address: `public`, or the name of the special-use range that it is in. */
export function kindOf(address: Address): string {
  const range = address.range()
  if (range !== 'unicast') return range
  // Registries assign from 2000::/3 only; the rest holds translations and things that are not defined yet.
  if (address.kind() === 'ipv6' && !(address as ipaddr.IPv6).match(globalUnicast)) return 'reserved'
  return address.kind() === 'ipv6' && isIsatap(address as ipaddr.IPv6) ? 'isatap' : 'public'
}

// An interface of RFC 5214 in any prefix: a router that knows it would unpack the IPv4 address in the last 32 bits.
function isIsatap({ parts }: ipaddr.IPv6): boolean {
  return (parts[4]! & 0xfdff) === 0 && parts[5] === 0x5efe
}

// What somebody who names a host means by "private". Link-local holds the credential services of clouds: that takes the
// address itself.
const nameable = new Set(['loopback', 'private', 'uniqueLocal', 'carrierGradeNat'])
// No configuration makes these a destination.
const never = new Set(['unspecified', 'broadcast', 'multicast'])

/** Why a connection may not go to this address, or nothing. */
export function refusalOf(address: string, to: Destination, allowed: AllowList): string | undefined {
  if (!isLiteral(address)) return `\`${address}\` is not an IP address`
  const parsed = ipaddr.parse(address)
  const kind = kindOf(parsed)
  if (never.has(kind)) return `${address} is ${kind}`
  const named = allowed.entries.some(
    (entry) => entry.port === to.port && admits(entry, parsed, { kind, hostname: to.hostname }),
  )
  if (kind !== 'public' && !named) return `${address} is ${kind}, and \`${allowed.setting}\` does not name it`
  if (to.protocol === 'https:') return undefined
  if (to.protocol !== 'http:') return `the scheme \`${to.protocol}\` is not dialled`
  return named && kind !== 'public' ? undefined : `plain http is only for what \`${allowed.setting}\` names`
}

function admits(entry: Allowed, address: Address, to: { kind: string; hostname: string }): boolean {
  if (entry.kind === 'name') return entry.name === to.hostname.toLowerCase() && nameable.has(to.kind)
  return entry.address.kind() === address.kind() && address.match(entry.address, entry.bits)
}

/** The address that a host already is, the name to resolve, or why it is neither. */
export function readHost(hostname: string): { address: string } | { name: string } | string {
  const bare = hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname
  if (isLiteral(bare)) return { address: bare }
  if (isName(bare.toLowerCase())) return { name: bare.toLowerCase() }
  return 'the host is neither a name nor an address in its usual form'
}

function isLiteral(text: string): boolean {
  if (text.includes('%')) return false
  return ipaddr.IPv4.isValidFourPartDecimal(text) || (text.includes(':') && ipaddr.IPv6.isValid(text))
}
