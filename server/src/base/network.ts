import ipaddr from 'ipaddr.js'

/**
 * The network that an address belongs to as far as limits go: who has one IPv6 address has the 2^64 that begin like it, however
 * each of them is spelt.
 *
 * @param address As `clientAddressOf` tells it.
 */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const known = ipaddr.process(address)
  if (known.kind() === 'ipv4') return known.toString()
  return `${Buffer.from(known.toByteArray().slice(0, 8)).toString('hex')}/64`
}
