/** An identity provider that may provision its people, and only those. */
export interface Provisioner {
  /** Its id in the configuration. */
  id: string
  /** What its people are keyed by, beside their subject. */
  issuer: string
  /** The attribute that holds what the provider says in `claim` when the person signs in. */
  subject: 'externalId' | 'userName'
  claim: 'sub' | 'oid'
  /** How many people and groups it may delete or deactivate in an hour. */
  endingsPerHour: number
}

const kind = 'scim:'

/** Who the ledger says that it was, and who says that somebody is in a group. */
export function sourceOf({ id }: Provisioner): string {
  return `${kind}${id}`
}

/** Whether that is the source of a membership that some provider keeps here, or kept. */
export function isProvisioned(source: string): boolean {
  return source.startsWith(kind)
}
