import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkOf } from './network.ts'

test('the addresses that one network has are one to limits, however they are spelt', () => {
  const networks = [
    ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201'],
    ['192.0.2.2'],
    ['2001:db8::1', '2001:db8::2', '2001:DB8:0:0:a:b:c:d', '2001:db8:0:0:ffff::', '2001:db8::1:2:3:4'],
    ['2001:db8:0:1::1', '2001:db8:0:1:a:b:c:d'],
    ['2001:db8:1::', '2001:db8:1::1', '2001:db8:1:0:9::'],
    ['fe80::1', 'fe80::1%eth0'],
    ['::1'],
    ['unknown'],
  ]
  const keys = networks.map((addresses) => {
    const [key, ...others] = addresses.map(networkOf)
    for (const other of others) assert.equal(other, key, addresses.join())
    return key
  })
  assert.equal(new Set(keys).size, networks.length)
})
