import { existsSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, StatementSync } from 'node:sqlite'

// Loaded before the product (`--import`), also into its threads: while the file exists, whatever writes to SQLite or
// commits waits, as it does when a disk hangs. Nothing else of the product is touched.
const path = process.env['HANGING_DISK']!
const cell = new Int32Array(new SharedArrayBuffer(4))

function hang(): void {
  while (existsSync(path)) Atomics.wait(cell, 0, 0, 20)
}

const { run } = StatementSync.prototype
StatementSync.prototype.run = function (this: StatementSync, ...values: SQLInputValue[]) {
  hang()
  return (run as (...values: SQLInputValue[]) => ReturnType<typeof run>).apply(this, values)
} as typeof run

const { exec } = DatabaseSync.prototype
DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
  hang()
  exec.call(this, sql)
}
