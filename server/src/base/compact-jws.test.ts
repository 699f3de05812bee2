import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCompactJws } from './compact-jws.ts'

test('a JWS has three parts, each spelt in the only way', () => {
  for (const text of ['eyJ9.e30.AA', 'a-_9.AAAA.AAE', 'AA.AA.AA']) assert.equal(isCompactJws(text), true, text)
  const wrong = ['', '..', 'AA.AA', 'AA.AA.', '.AA.AA', 'AA..AA', 'AA.AA.AA.', 'AA.AA.AA.AA', 'AA.AA.AA.AA.AA']
  const spelt = [
    'AA.AA.AA==',
    'AA==.AA.AA',
    'AA.AA.AB',
    'AA.AA.AAF',
    'AA.AA.A',
    'AA.AA.A+',
    'AA.AA.A/',
    'AA.AA. AA',
    'AA.AA.AA\n',
  ]
  for (const text of [...wrong, ...spelt, 'ÄÄ.AA.AA', '\0.AA.AA']) assert.equal(isCompactJws(text), false, text)
})
