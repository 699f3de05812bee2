import type { Kysely, Transaction } from 'kysely'
import type { Tables } from '../tables.ts'

/** What a handle hides: upper floors hold handles, only this room can ask them anything. */
export type Db = Kysely<Tables> | Transaction<Tables>

const databases = new WeakMap<object, Db>()

export function hide<T extends object>(handle: T, db: Db): T {
  databases.set(handle, db)
  return handle
}

export function open(handle: object): Db {
  const db = databases.get(handle)
  if (db === undefined) throw new TypeError('not a store or a transaction of it')
  return db
}
