import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { emptyRoot, Frontier, leafHash, nodeHash } from './merkle.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** The inputs and roots that Certificate Transparency's reference implementation tests with. */
const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

/** RFC 6962, section 2.1, word for word. */
function definition(list: Uint8Array[]): Uint8Array {
  if (list.length === 0) return emptyRoot
  if (list.length === 1) return leafHash(list[0]!)
  let k = 1
  while (k * 2 < list.length) k *= 2
  return nodeHash(definition(list.slice(0, k)), definition(list.slice(k)))
}

test('the frontier has the published roots after each of the published leaves', () => {
  const frontier = new Frontier()
  assert.equal(hex(frontier.root()), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  for (const [i, leaf] of leaves.entries()) {
    frontier.append(leafHash(Buffer.from(leaf, 'hex')))
    assert.equal(hex(frontier.root()), roots[i])
    assert.equal(frontier.size, i + 1)
  }
})

test('the frontier agrees with the definition of RFC 6962 for any leaves', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 70 }), (list) => {
      const frontier = new Frontier()
      for (const leaf of list) frontier.append(leafHash(leaf))
      assert.equal(hex(frontier.root()), hex(definition(list)))
    }),
  )
})

test('a frontier that was written and read goes on as if nothing had happened', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.nat(20), (before, after) => {
      const one = new Frontier()
      for (let i = 0; i < before; i++) one.append(leafHash(Buffer.from(`${i}`)))
      const two = Frontier.read(before, one.toString())
      assert.ok(two)
      for (let i = 0; i < after; i++) {
        one.append(leafHash(Buffer.from(`more ${i}`)))
        two.append(leafHash(Buffer.from(`more ${i}`)))
      }
      assert.equal(hex(two.root()), hex(one.root()))
    }),
  )
})

test('a written frontier of another size, or of other characters, is refused', () => {
  const frontier = new Frontier()
  for (let i = 0; i < 5; i++) frontier.append(leafHash(Buffer.from([i])))
  const text = frontier.toString()
  assert.ok(Frontier.read(5, text))
  assert.equal(Frontier.read(7, text), undefined)
  assert.equal(Frontier.read(5, text.toUpperCase()), undefined)
  assert.equal(Frontier.read(5, text.slice(1)), undefined)
  assert.equal(Frontier.read(-1, ''), undefined)
  assert.equal(Frontier.read(0.5, text), undefined)
})

test('appending tells of every subtree that it completes, once', () => {
  const frontier = new Frontier()
  const seen: string[] = []
  for (let i = 0; i < 8; i++) frontier.append(leafHash(Buffer.from([i])), (height) => seen.push(`${i}:${height}`))
  assert.deepEqual(seen, '0:0 1:0 1:1 2:0 3:0 3:1 3:2 4:0 5:0 5:1 6:0 7:0 7:1 7:2 7:3'.split(' '))
})
