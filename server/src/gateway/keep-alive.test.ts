import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { KeepAlive } from './keep-alive.ts'

function openStream() {
  return Object.assign(new EventEmitter(), {
    beats: 0,
    writableEnded: false,
    writableNeedDrain: false,
    write() {
      this.beats++
      return true
    },
  })
}

test('every stream hears within 25 s that it is alive, one part of them at a time', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const keepAlive = new KeepAlive()
  const streams = Array.from({ length: 100 }, openStream)
  for (const one of streams) keepAlive.add(one as unknown as ServerResponse)
  const beats = () => streams.reduce((sum, one) => sum + one.beats, 0)
  t.mock.timers.tick(1_000)
  assert.equal(beats(), 4)
  t.mock.timers.tick(24_000)
  assert.deepEqual([...new Set(streams.map((one) => one.beats))], [1])
  keepAlive.close()
})

test('a stream that ended, or whose client takes nothing, is left alone, and what closed is forgotten', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const keepAlive = new KeepAlive()
  const [ended, full, closed] = [openStream(), openStream(), openStream()]
  for (const one of [ended, full, closed]) keepAlive.add(one as unknown as ServerResponse)
  ended.writableEnded = true
  full.writableNeedDrain = true
  closed.emit('close')
  assert.equal(keepAlive.size, 2)
  t.mock.timers.tick(25_000)
  assert.deepEqual([ended.beats, full.beats, closed.beats], [0, 0, 0])
  keepAlive.close()
})
