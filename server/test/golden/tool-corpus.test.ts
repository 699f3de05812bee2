import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classify } from '../../src/inventory/classify.ts'
import { compareEffect, effectSchema } from '../../src/model/effect.ts'
import type { Effect } from '../../src/model/effect.ts'
import type { ToolDefinition } from '../../src/model/tool-definition.ts'
import { toolCorpus } from './tool-corpus.ts'

interface Labelled {
  effect: Effect
  definition: ToolDefinition
}

/** Labelled by hand as milder than the classifier says, each for a doubt that an owner settles. */
const doubted: Record<string, string> = {
  create_payment_link: 'creating a payment may move money at once; that this is but a link, the words do not settle',
  RunInstance: 'what runs may do anything; that it is a machine, the word does not settle',
}

const corpus = toolCorpus.trim().split('\n').map(readLine)

function readLine(line: string): Labelled {
  const [head = '', description = '', parameters = ''] = line.split('|').map((part) => part.trim())
  const [effect, name = ''] = head.split(' ')
  const properties = Object.fromEntries(
    parameters.split(',').filter(Boolean).map((parameter) => {
      const [argument = '', values] = parameter.split('=')
      return [argument, { type: 'string', ...(values === undefined ? {} : { enum: values.split('/') }) }]
    }),
  )
  return {
    effect: effectSchema.parse(effect),
    definition: { name, ...(description === '' ? {} : { description }), inputSchema: { type: 'object', properties } },
  }
}

function misjudged(wrong: (said: Effect, labelled: Effect) => boolean): string[] {
  return corpus
    .filter(({ effect, definition }) => wrong(classify(definition).effect, effect))
    .map(({ effect, definition }) => `${definition.name}: ${effect}, said ${classify(definition).effect}: ${classify(definition).because.join('; ')}`)
}

test('the corpus holds 150 tools and more, each once', () => {
  assert.ok(corpus.length >= 150)
  assert.equal(new Set(corpus.map(({ definition }) => definition.name)).size, corpus.length)
})

test('no tool of the corpus is judged milder than its label', () => {
  assert.deepEqual(misjudged((said, labelled) => compareEffect(said, labelled) < 0), [])
})

test('no tool of the corpus is judged graver than its label without a doubt that is named', () => {
  const graver = misjudged((said, labelled) => compareEffect(said, labelled) > 0)
  assert.deepEqual(graver.filter((line) => doubted[line.split(':')[0] ?? ''] === undefined), [])
  assert.equal(graver.length, Object.keys(doubted).length)
})
