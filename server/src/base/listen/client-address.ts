import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Says whether an address is one of the named proxies. */
export function readProxies(networks: readonly string[]): (address: Address) => boolean {
  const ranges = networks.map((network) =>
    network.includes('/') ? ipaddr.parseCIDR(network) : ([ipaddr.parse(network), undefined] as const),
  )
  return (address) =>
    ranges.some(([base, bits]) => {
      if (base.kind() !== address.kind()) return false
      return address.match(base, bits ?? (base.kind() === 'ipv4' ? 32 : 128))
    })
}

/**
 * Who sent the request: the peer, or, while the sender is a named proxy, whom it names. Read from the right, because
 * everything left of the first sender that is no proxy of ours was written by that sender.
 */
export function clientAddress(peer: string, forwarded: string | undefined, isProxy: (a: Address) => boolean): string {
  let here = parse(peer)
  if (!here) return peer
  for (const hop of (forwarded ?? '').split(',').toReversed()) {
    if (!isProxy(here)) break
    const next = parse(hop.trim())
    if (!next) break
    here = next
  }
  return here.toString()
}

function parse(text: string): Address | undefined {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return undefined
  return ipaddr.process(text)
}
