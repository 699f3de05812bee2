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
  /** `must_sign_in`: nothing of his passes until he has proved anew who he is. */
  state: 'active' | 'disabled' | 'must_sign_in'
  createdAt: number
  /** Who answers for a workload: a person. */
  ownerId?: string | undefined
}
