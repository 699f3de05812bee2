import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** A destination that configuration allows although it is private: one host name, or one range, on one port. */
export type Allowed =
  | { kind: 'name'; name: string; port: number }
  | { kind: 'range'; address: Address; bits: number; port: number }

/** What one list of the configuration allows. */
export interface AllowList {
  /** The setting, as the log names it. */
  setting: string
  entries: readonly Allowed[]
}

// Wider ranges are slips of the pen: nobody owns them, and they would switch the guard off.
const bitsMin = { ipv4: 8, ipv6: 16 } as const

/** Parses `name:port`, `address:port`, `cidr:port` (IPv6 in brackets: `[fd00::/8]:443`); a text is what is wrong with it. */
export function readAllowed(text: string): Allowed | string {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+(?:\/\d{1,3})?)\]|(?<host>[^[\]:\s]+)):(?<port>\d{1,5})$/.exec(text)
  const port = Number(match?.groups?.['port'] ?? 0)
  if (!match || port < 1 || port > 65_535) return 'must be `host:port` or `network/bits:port`, such as `10.0.0.0/8:443`'
  const host = (match.groups?.['v6'] ?? match.groups?.['host'] ?? '').toLowerCase()
  const [network = '', bits] = host.split('/')
  if (ipaddr.IPv4.isValidFourPartDecimal(network) || ipaddr.IPv6.isValid(network)) {
    const address = ipaddr.parse(network)
    const width = address.kind() === 'ipv4' ? 32 : 128
    const length = bits === undefined ? width : Number(bits)
    if (!(length <= width)) return `has a network of more than ${width} bits`
    if (length < bitsMin[address.kind()]) return `is too wide: name at least ${bitsMin[address.kind()]} bits`
    return { kind: 'range', address, bits: length, port }
  }
  if (bits !== undefined) return 'has a network that is not an IP address'
  if (!isName(host)) return 'has a host that is neither a name nor an IP address in its usual form'
  return { kind: 'name', name: host, port }
}

/** True for a host name that no reader takes for an address: labels of letters, digits, `-`, `_`; the last not a number. */
export function isName(host: string): boolean {
  if (host.length > 253 || !/^(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})*$/.test(host)) return false
  return !/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(host)
}
