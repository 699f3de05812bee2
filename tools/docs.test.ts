import assert from 'node:assert/strict'
import test from 'node:test'
import { checkComments } from './docs/comments.ts'
import { checkFaults } from './docs/faults.ts'
import { checkPages } from './docs/pages.ts'
import { plot } from './plot.ts'
import { writeFindings } from './source.ts'

test('what a hall exports needs a doc comment; closets, tests and what is not exported do not', (t) => {
  const root = plot(t, {
    'server/src/oauth/good.ts': [
      '/** A. */\nexport function a() {}',
      '/** B. */\nexport const b = 1',
      '/** C. */\nexport interface C {}',
      '/** D. */\nconst d = 1\nexport { d }',
      '/** E, first form. */\nexport function e(x: 1): 1\nexport function e(x: 2): 2\nexport function e(x: number) { return x }',
      'const hidden = 1\nvoid hidden\nexport { other } from "./other.ts"\n',
    ].join('\n'),
    'server/src/oauth/bad.ts':
      'export function a() {}\n// B.\nexport const b = 1\n/* C. */\nexport class C {}\n/** D. */\nconst x = 1\nexport type D = typeof x\n/** */\nexport const e = 1\nconst f = 1\nexport { f }\n',
    'server/src/oauth/closet/deep.ts': 'export const a = 1\n',
    'server/src/oauth/bad.test.ts': 'export const a = 1\n',
  })
  assert.deepEqual(
    checkComments(root).map(({ path, line, text }) => `${path}:${line} ${text.split(' ')[0]}`),
    [1, 3, 5, 8, 10, 11].map(
      (line, index) => `server/src/oauth/bad.ts:${line} \`${['a', 'b', 'C', 'D', 'e', 'f'][index]}\``,
    ),
  )
})

test('every fault code has a page of three sections, and every page a code', (t) => {
  const page = (code: string): string =>
    `# \`${code}\`\n\n## What happened\n\nIt.\n\n## What is true now\n\nThat.\n\n## What to do\n\nThis.\n`
  const root = plot(t, {
    'server/src/base/fault.ts': `export const faultStatus = {\n  'base.busy': 503,\n  'base.gone': 410,\n  'base.half': 500,\n}\n`,
    'docs/faults/base.busy.md': page('base.busy'),
    'docs/faults/base.half.md': page('base.half').replace('What to do', 'Hints'),
    'docs/faults/base.old.md': page('base.old'),
    'docs/faults/README.md': '# Faults\n',
  })
  assert.equal(
    writeFindings(checkFaults(root)),
    'docs/faults/base.half.md:1 has no section `What to do`\n' +
      'docs/faults/base.old.md:1 no fault has this code: remove the page\n' +
      'server/src/base/fault.ts:3 `base.gone` has no page docs/faults/base.gone.md\n',
  )
})

const whole = {
  'README.md': '# Title\n',
  'ARCHITECTURE.md': '# Floors and rooms\n\n## One call, 2 doors\n',
  'CONTRIBUTING.md': '',
  'SECURITY.md': '',
  'CHANGELOG.md': '## Unreleased\n',
  LICENSE: '',
  'package.json': '{"scripts":{"start":"x","bench":"x"}}',
}

test('links lead somewhere, commands are scripts, and the changelog is open', (t) => {
  const readme = [
    '[a](ARCHITECTURE.md) [b](ARCHITECTURE.md#one-call-2-doors) [c](https://example.com/x) [d](#title) `[e](no.md)`',
    '# Title',
    '```\n[f](no.md)\nnpm start\nnpm run bench -- call\n```',
    '[g](docs/no.md)',
    '[h](ARCHITECTURE.md#two-calls)',
    'Run `npm run biuld`, then `npm test`.',
  ].join('\n')
  const root = plot(t, { ...whole, 'README.md': readme, 'CHANGELOG.md': '## 1.0\n' })
  assert.equal(
    writeFindings(checkPages(root)),
    'CHANGELOG.md:1 has no section `## Unreleased`\n' +
      'README.md:8 links to docs/no.md, which does not exist\n' +
      'README.md:9 links to ARCHITECTURE.md#two-calls: no such heading\n' +
      'README.md:10 `npm run biuld` is no script of package.json\n' +
      'README.md:10 `npm run test` is no script of package.json\n',
  )
})

test('a page that every repository needs is missed', (t) => {
  const { LICENSE: _, ...rest } = whole
  assert.equal(writeFindings(checkPages(plot(t, rest))), 'LICENSE:1 is missing\n')
  assert.equal(writeFindings(checkPages(plot(t, whole))), '')
})
