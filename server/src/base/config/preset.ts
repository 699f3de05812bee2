/** Where in the claims something is: the name of a claim, or the names on the way through nested objects. */
export type ClaimPath = readonly [string, ...string[]]

/** What the tenants of one vendor have in common: data, so that nobody has to find it out again. */
export interface Preset {
  /** What is wrong with an issuer for this vendor, as the end of a sentence; undefined when nothing. */
  issuerProblem(issuer: URL): string | undefined
  /** Its issuers end with a slash; those of all others must not. */
  slash?: true
  scopes: readonly string[]
  /** Where the groups are. Absent: it tells none unless it is set up to, and then `claims.groups` says where. */
  groups?: ClaimPath
  /** Whether it takes a client that signs by keys at an address, and whom the assertion is for. */
  signing: { audience: 'issuer' | 'token_endpoint' } | { impossible: string }
  /** Claims that must have one of these values, as they follow from the issuer. */
  requires?(issuer: URL): Record<string, string[]>
  /** Claims for which `require.claims` must name the values, and what happens otherwise. */
  mustRequire?: Record<string, string>
  /** A required claim whose only value is told to the vendor as a parameter of the same name. */
  hint?: string
  /** Whether the vendor says how long ago and how somebody proved who he is; absent means that it does when asked. */
  tellsNoAge?: string
}
