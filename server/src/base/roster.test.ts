import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Roster } from './roster.ts'

test('a roster holds exactly what entered and has not left', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 7 })), { maxLength: 200 })
  fc.assert(
    fc.property(steps, (all) => {
      const items = Array.from({ length: 8 }, (_, name) => ({ name, place: -1 }))
      const [roster, model] = [new Roster<(typeof items)[number]>(), new Set<(typeof items)[number]>()]
      for (const [enters, name] of all) {
        const item = items[name]!
        if (!enters) assert.equal(roster.leave(item), model.delete(item))
        else if (model.has(item)) assert.throws(() => roster.enter(item), TypeError)
        else {
          roster.enter(item)
          model.add(item)
        }
        assert.equal(roster.size, model.size)
        assert.deepEqual(new Set(roster.list()), model)
      }
    }),
  )
})

test('what stands in one roster does not leave another', () => {
  const [here, there] = [new Roster(), new Roster()]
  const [one, other] = [{ place: -1 }, { place: -1 }]
  here.enter(one)
  there.enter(other)
  assert.equal(there.leave(one), false)
  assert.throws(() => there.enter(one), TypeError)
  assert.deepEqual([here.list(), there.list()], [[one], [other]])
})

test('all that stand in a roster can leave while it is gone through', () => {
  const roster = new Roster()
  const items = Array.from({ length: 5 }, () => ({ place: -1 }))
  for (const item of items) roster.enter(item)
  for (const item of roster.list()) roster.leave(item)
  assert.equal(roster.size, 0)
})
