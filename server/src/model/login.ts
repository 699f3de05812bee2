/** How and when somebody proved who he is. */
export interface Login {
  /** Epoch milliseconds; 0 where it is not known when: longer ago than anything that is demanded. */
  at: number
  /**
   * The methods, as the provider calls them.
   *
   * @see https://www.rfc-editor.org/rfc/rfc8176
   */
  amr: readonly string[]
  /** The context class, as the provider calls it. */
  acr?: string | undefined
}

/** What is demanded of a login. What is absent is not. */
export interface LoginDemand {
  /** How long ago it may be at the most. */
  maxAgeSeconds?: number | undefined
  /** The context classes of which it must be one. */
  acr?: readonly string[] | undefined
  /** The methods, all of which must have been used. */
  amr?: readonly string[] | undefined
}

/** What a login lacks of what is demanded; undefined when it lacks nothing. */
export function findLack(login: Login | undefined, demand: LoginDemand, now: number): 'age' | 'strength' | undefined {
  const { maxAgeSeconds, acr = [], amr = [] } = demand
  // Written so that a comparison which yields no number counts as a lack.
  const young = maxAgeSeconds === undefined || (login !== undefined && now - login.at <= maxAgeSeconds * 1_000)
  const rightClass = acr.length === 0 || (login?.acr !== undefined && acr.includes(login.acr))
  const rightMethods = amr.every((method) => login?.amr.includes(method) === true)
  if (!rightClass || !rightMethods) return 'strength'
  return young ? undefined : 'age'
}
