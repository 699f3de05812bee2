import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { Fault } from '../base/fault.ts'

const derive = promisify(argon2)

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 }
const saltBytes = 16
const tagBytes = 32
/** Each hash holds 19 MiB and a thread for some 40 ms: the threads also read files and resolve names. */
const atOnceMax = 2
const waitingMax = 50

const charactersMin = 12
const charactersMax = 200

/** Passwords that everybody tries first and that are long enough to pass otherwise. */
const common =
  /^(password|passw0rd|p@ssword|p@ssw0rd|qwerty|qwertyuiop|letmein|welcome|administrator|admin|sallyport|changeme|iloveyou|secret|default|login|master|abc|[0-9!?.@#$_-])+$/i

/** Hashes passwords and checks them, a few at a time. */
export interface PasswordHasher {
  /** Hashes a password that `readPassword` accepted, as a PHC string. */
  hash(password: string): Promise<string>
  /**
   * Checks a password against a hash.
   *
   * Without a hash it takes as long and says no, so that nobody learns by the clock which logins exist.
   *
   * @returns `stale`: the hash was made at another cost than today's and should be made anew.
   * @throws {Fault} `base.busy` if too many are waiting already.
   */
  check(password: string, hash: string | undefined): Promise<{ ok: boolean; stale: boolean }>
}

/**
 * Reads a password that somebody chooses.
 *
 * @param about The login and name, which must not be in it.
 * @returns the password in Unicode normal form, as it is to be hashed.
 * @throws {Fault} `identity.password_refused`, saying what is wrong with it.
 * @see NIST SP 800-63B, 3.1.1.2
 */
export function readPassword(text: string, about: { login: string; name: string }): string {
  const password = text.normalize('NFKC')
  const length = Array.from(password).length
  const lower = password.toLowerCase()
  const refuse = (why: string) => new Fault('identity.password_refused', `cannot use this password: ${why}`)
  if (length < charactersMin) throw refuse(`it has fewer than ${charactersMin} characters`)
  if (length > charactersMax) throw refuse(`it has more than ${charactersMax} characters`)
  const words = [about.login, about.login.split('@')[0]!, ...about.name.split(/\s+/)].map((word) => word.toLowerCase())
  const rest = words.reduce((left, word) => (word.length >= 3 ? left.replaceAll(word, '') : left), lower)
  if (Array.from(rest).length < charactersMin / 2) throw refuse('it is little more than the name')
  if (new Set(lower).size < 5) throw refuse('it has too few different characters')
  if (common.test(password) || isRun(lower)) throw refuse('it is one that everybody tries first')
  return password
}

/** Opens the hasher: argon2id of `node:crypto`. */
export function openPasswordHasher(): PasswordHasher {
  let running = 0
  const waiting: (() => void)[] = []
  // Never matches anything: a random tag of the usual cost, for logins that do not exist.
  const nobody = write({ ...cost, salt: randomBytes(saltBytes), tag: randomBytes(tagBytes) })

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running >= atOnceMax) {
      if (waiting.length >= waitingMax) throw new Fault('base.busy', 'cannot check passwords now: too many are waiting')
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else {
      running += 1
    }
    try {
      return await work()
    } finally {
      // The turn is handed on, so that nobody new slips in between.
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }

  return {
    hash: (password) =>
      inTurn(async () => {
        const salt = randomBytes(saltBytes)
        return write({ ...cost, salt, tag: await tagOf(password, { ...cost, salt, tagLength: tagBytes }) })
      }),
    check: (password, hash) =>
      inTurn(async () => {
        const known = read(hash ?? nobody)
        const { salt, tag, ...price } = known
        const given = await tagOf(password.normalize('NFKC'), { ...price, salt, tagLength: tag.length })
        const stale =
          price.memory !== cost.memory || price.passes !== cost.passes || price.parallelism !== cost.parallelism
        return { ok: timingSafeEqual(given, tag) && hash !== undefined, stale }
      }),
  }
}

interface Hash {
  memory: number
  passes: number
  parallelism: number
  salt: Buffer
  tag: Buffer
}

function tagOf(password: string, options: Omit<Hash, 'tag'> & { tagLength: number }): Promise<Buffer> {
  const { salt, ...rest } = options
  return derive('argon2id', { ...rest, message: password, nonce: salt })
}

function write(hash: Hash): string {
  const bytes = (value: Buffer) => value.toString('base64').replaceAll('=', '')
  return `$argon2id$v=19$m=${hash.memory},t=${hash.passes},p=${hash.parallelism}$${bytes(hash.salt)}$${bytes(hash.tag)}`
}

function read(text: string): Hash {
  const match =
    /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/.exec(text)
  const [memory, passes, parallelism] = [match?.[1], match?.[2], match?.[3]].map(Number) as [number, number, number]
  // The bounds keep one who can write the store from making us spend gigabytes.
  if (!match || memory < 8 || memory > 1_048_576 || passes < 1 || parallelism < 1) {
    throw new Fault('store.unavailable', 'cannot read a stored password', { detail: 'not a PHC string of argon2id' })
  }
  return {
    memory,
    passes,
    parallelism,
    salt: Buffer.from(match[4]!, 'base64'),
    tag: Buffer.from(match[5]!, 'base64'),
  }
}

function isRun(text: string): boolean {
  const runs = ['abcdefghijklmnopqrstuvwxyz', '01234567890123456789', 'qwertyuiopasdfghjklzxcvbnm']
  const backwards = Array.from(text).toReversed().join('')
  return runs.some((run) => run.includes(text) || run.includes(backwards))
}
