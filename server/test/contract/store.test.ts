import { mkdtempSync, rmSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openStore, type Store } from '../../src/store/store.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'

/** One thing that every repository must do, on either engine. */
type Case = [name: string, run: (store: Store) => Promise<void>]

// Every file of the folder beside this one lists the cases of one noun: a new repository cannot be forgotten here.
const folder = new URL('./store/', import.meta.url)
const files = (await readdir(folder)).filter((name) => name.endsWith('.ts')).sort()
const nouns: { noun: string; cases: Case[] }[] = []
for (const file of files) {
  const { cases } = (await import(new URL(file, folder).href)) as { cases: Case[] }
  nouns.push({ noun: file.replace('.ts', ''), cases })
}

let postgres: TestPostgres | undefined
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres?.stop())

for (const { noun, cases } of nouns) {
  for (const [name, run] of cases) {
    test(`sqlite, ${noun}: ${name}`, async (t) => {
      const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-store-'))
      t.after(() => rmSync(dataFolder, { recursive: true, force: true }))
      const store = await openStore({ dataFolder })
      t.after(() => store.close())
      await run(store)
    })
    test(`postgres, ${noun}: ${name}`, async (t) => {
      const store = await openStore({ dataFolder: '', databaseUrl: await postgres!.createDatabase() })
      t.after(() => store.close())
      await run(store)
    })
  }
}
