/** What can stand in a roster: in one at a time. */
export interface Placed {
  /** Where it stands; -1 while it stands in none. The roster's own: nobody else writes it. */
  place: number
}

/**
 * What is under way at present, where thousands come and go in a second. Entering and leaving take the same time however
 * many there are; the order means nothing.
 *
 * Not a `Set`: each table that a set has outgrown points to the one that came after it. To the collector of young objects
 * whatever is old lives, so one old table kept alive everything that was in any later one, every call to its last byte,
 * until the next collection of everything.
 */
export class Roster<Item extends Placed> {
  readonly #items: Item[] = []

  get size(): number {
    return this.#items.length
  }

  /** Enters it. @throws {TypeError} if it stands in a roster. */
  enter(item: Item): void {
    if (item.place >= 0) throw new TypeError('it stands in a roster already')
    item.place = this.#items.push(item) - 1
  }

  /** Takes it out. @returns whether it stood here. */
  leave(item: Item): boolean {
    const { place } = item
    if (this.#items[place] !== item) return false
    const last = this.#items.pop()!
    if (last !== item) {
      this.#items[place] = last
      last.place = place
    }
    item.place = -1
    return true
  }

  /** All that stand here now: a list of its own, so that they may come and go while it is gone through. */
  list(): Item[] {
    return [...this.#items]
  }
}
