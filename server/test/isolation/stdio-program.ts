import { createInterface } from 'node:readline'
import { later, say } from './tools.ts'

// An upstream over stdio. With `own` it serves one principal, and dies of the canary of another.
const own = process.argv[2] === 'own'
let principal: string | undefined

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line) as Parameters<typeof say>[0]
  const canary = message.params?.arguments?.canary
  if (own && canary !== undefined) {
    const of = canary.slice(0, 'cnry00'.length)
    principal ??= of
    if (principal !== of) throw new Error(`a process of ${principal} heard ${canary}`)
  }
  const said = say(message, false)
  if (said === undefined) return
  later(() => {
    for (const one of [...said.before, said.answer]) process.stdout.write(`${JSON.stringify(one)}\n`)
  })
})
