/** A person or a workload that answers for calls; keyed by issuer and subject, never by e-mail. */
export interface Principal {
  id: string
  /** The identity provider: its OIDC issuer, or `local`. */
  issuer: string
  subject: string
  kind: 'person' | 'workload'
  name: string
  /** For display only. */
  email: string | undefined
  state: 'active' | 'disabled'
  createdAt: number
}
