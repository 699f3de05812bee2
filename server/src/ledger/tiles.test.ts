import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { leafHash } from './merkle.ts'
import { readBundle, TileCutter, tilePath, widthOf, writeBundle } from './tiles.ts'

test('paths are those of the specification', () => {
  assert.equal(tilePath(0, 1_234_067), 'tile/0/x001/x234/067')
  assert.equal(tilePath(0, 0), 'tile/0/000')
  assert.equal(tilePath(1, 1_000, 17), 'tile/1/x001/000.p/17')
  assert.equal(tilePath('entries', 999, 255), 'tile/entries/999.p/255')
})

test('a tree of 70,000 entries has the tiles that the specification says', () => {
  const cutter = new TileCutter()
  const leaf = leafHash(Buffer.from('x'))
  for (let i = 0; i < 70_000; i++) cutter.append(leaf)
  const full = cutter.takeFull()
  assert.equal(full.filter(({ level }) => level === 0).length, 273)
  assert.equal(full.filter(({ level }) => level === 1).length, 1)
  const partial = cutter.partial().map((tile) => [tile.level, tile.index, widthOf(tile)])
  assert.deepEqual(partial, [
    [0, 273, 112],
    [1, 1, 17],
    [2, 0, 1],
  ])
})

test('a tree of 256 entries has a full tile and one hash above it', () => {
  const cutter = new TileCutter()
  for (let i = 0; i < 256; i++) cutter.append(leafHash(Buffer.from([i])))
  assert.deepEqual(
    cutter.takeFull().map((tile) => [tile.level, widthOf(tile)]),
    [[0, 256]],
  )
  const [above, ...none] = cutter.partial()
  assert.deepEqual(none, [])
  assert.ok(above!.hashes.equals(cutter.root()))
})

const list = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 20 })

test('a bundle reads back, and is whole only with all its entries and nothing more', () => {
  fc.assert(
    fc.property(list, fc.nat(), (entries, cut) => {
      const bytes = writeBundle(entries)
      const read = readBundle(bytes, entries.length)
      assert.ok(read.whole)
      assert.deepEqual(
        read.entries.map((entry) => [...entry]),
        entries.map((entry) => [...entry]),
      )
      assert.ok(!readBundle(bytes.subarray(0, cut % bytes.length), entries.length).whole)
      assert.ok(!readBundle(Buffer.concat([bytes, Buffer.from([0, 0])]), entries.length).whole)
      assert.ok(!readBundle(bytes, entries.length + 1).whole)
    }),
  )
})
