import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Call } from './call-state.ts'
import { ClientSide, type AskingRooms } from './client-side.ts'
import type { Exchange } from './exchanges.ts'
import { HeldCalls } from './held-calls.ts'
import type { Question } from './questions.ts'

const roots: Question = { method: 'roots/list' }
const nobody = new AbortController().signal

/** A call of a modern client, as far as its questions need it; what the client was answered, and how its call ended. */
function begin() {
  const held = new HeldCalls()
  const answers: { id: unknown; asked: string[] }[] = []
  const ends: string[] = []
  let heldId = ''
  const sealing = { fails: false }
  const request = (id: string, answered: Record<string, unknown> = {}) => {
    const reply = {
      result: (envelope: { id: unknown }, { inputRequests }: { inputRequests: object }) =>
        answers.push({ id: envelope.id, asked: Object.keys(inputRequests) }),
    }
    const envelope = { id, era: 'modern', clientCapabilities: { roots: {} }, params: { inputResponses: answered } }
    return { id: 'call', envelope, reply, ending: new AbortController() } as unknown as Call
  }
  const rooms = {
    held,
    states: {
      seal: (_call: Call, { held }: { held: string }) => {
        if (sealing.fails) throw new Error('nothing can be sealed')
        heldId = held
        return 'state'
      },
    },
  } as unknown as AskingRooms
  const ending = new AbortController()
  const exchange = {
    signal: ending.signal,
    end: (why: string) => {
      ends.push(why)
      ending.abort()
    },
    stillHolds: async () => true,
  } as unknown as Exchange
  const side = new ClientSide(rooms, request('first'), exchange)
  return {
    side,
    answers,
    ends,
    sealing,
    comeBack: (id: string, answered: Record<string, unknown>) => held.take(heldId, request(id, answered)),
    giveUp: () => ending.abort(),
  }
}

test('what the upstream asks in one breath is put to the client at once, and what it left open once more', async () => {
  const { side, answers, comeBack } = begin()
  const first = side.ask(roots, nobody)
  const second = side.ask(roots, nobody)
  await Promise.resolve()
  assert.deepEqual(answers, [{ id: 'first', asked: ['q1', 'q2'] }])
  comeBack('second', { q1: { roots: [] } })
  assert.deepEqual(await first, { result: { roots: [] } })
  await nextTurn()
  assert.deepEqual(answers[1], { id: 'second', asked: ['q2'] })
  comeBack('third', { q2: { roots: ['a'] } })
  assert.deepEqual(await second, { result: { roots: ['a'] } })
  assert.equal(await side.settle(), true)
  assert.equal(side.call.envelope.id, 'third')
})

test('an upstream that ends meanwhile is told to the client when it comes back, and asks nothing more', async () => {
  const { side, answers, comeBack } = begin()
  void side.ask(roots, nobody)
  await Promise.resolve()
  const there = side.settle()
  void side.ask(roots, nobody)
  comeBack('second', {})
  assert.equal(await there, true)
  assert.equal(answers.length, 1)
  assert.equal(side.call.envelope.id, 'second')
})

test('a client that does not come back ends the call, and is told nothing', async () => {
  const { side, ends, giveUp } = begin()
  void side.ask(roots, nobody)
  await Promise.resolve()
  giveUp()
  assert.equal(await side.settle(), false)
  assert.deepEqual(ends, ['the client did not come back with what it was asked'])
})

test('a question that cannot be put ends the call, and who settles it hears why', async () => {
  const { side, ends, sealing } = begin()
  sealing.fails = true
  void side.ask(roots, nobody)
  // Nobody listens yet: what fails now must not end the process.
  await nextTurn()
  assert.deepEqual(ends, ['the client could not be asked'])
  await assert.rejects(async () => side.settle(), /nothing can be sealed/)
})
