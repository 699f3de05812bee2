/**
 * A person or a workload that answers for calls, or a group of them that holds rights for its members; keyed by issuer and
 * subject, never by e-mail.
 */
export interface Principal {
  id: string
  /** The identity provider: its OIDC issuer, or `local`; `group` for groups. */
  issuer: string
  subject: string
  kind: 'person' | 'workload' | 'group'
  name: string
  /** For display only. */
  email: string | undefined
  state: 'active' | 'disabled'
  createdAt: number
}
