/** One attribute, as RFC 7643 describes them. What is not here is not kept. */
export interface Attribute {
  name: string
  type: 'string' | 'boolean' | 'dateTime' | 'reference' | 'complex'
  description: string
  multi?: true
  required?: true
  /** Compared with regard to case. */
  exact?: true
  mutability?: 'readOnly' | 'immutable'
  returned?: 'always'
  unique?: true
  canonical?: readonly string[]
  refers?: readonly string[]
  sub?: readonly Attribute[]
}

/** A kind of resource. */
export interface Kind {
  name: 'User' | 'Group'
  endpoint: '/Users' | '/Groups'
  urn: string
  description: string
  /** Those of the schema, and the common ones. */
  attributes: readonly Attribute[]
}

export const urns = {
  user: 'urn:ietf:params:scim:schemas:core:2.0:User',
  group: 'urn:ietf:params:scim:schemas:core:2.0:Group',
  enterprise: 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User',
  schema: 'urn:ietf:params:scim:schemas:core:2.0:Schema',
  resourceType: 'urn:ietf:params:scim:schemas:core:2.0:ResourceType',
  config: 'urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig',
  list: 'urn:ietf:params:scim:api:messages:2.0:ListResponse',
  search: 'urn:ietf:params:scim:api:messages:2.0:SearchRequest',
  patch: 'urn:ietf:params:scim:api:messages:2.0:PatchOp',
  bulk: 'urn:ietf:params:scim:api:messages:2.0:BulkRequest',
  bulkAnswer: 'urn:ietf:params:scim:api:messages:2.0:BulkResponse',
  error: 'urn:ietf:params:scim:api:messages:2.0:Error',
} as const

const string = (name: string, description: string, more: Partial<Attribute> = {}): Attribute => ({
  name,
  type: 'string',
  description,
  ...more,
})

const common: readonly Attribute[] = [
  {
    name: 'schemas',
    type: 'reference',
    description: 'The schemas of the resource.',
    multi: true,
    exact: true,
    mutability: 'readOnly',
    returned: 'always',
  },
  string('id', 'The id of the resource here.', { exact: true, mutability: 'readOnly', returned: 'always' }),
  string('externalId', 'The id of the resource at the provider.', { exact: true }),
  {
    name: 'meta',
    type: 'complex',
    description: 'What is known about the resource.',
    mutability: 'readOnly',
    sub: [
      string('resourceType', 'User or Group.', { exact: true, mutability: 'readOnly' }),
      { name: 'created', type: 'dateTime', description: 'When it was made.', mutability: 'readOnly' },
      { name: 'lastModified', type: 'dateTime', description: 'When it was changed last.', mutability: 'readOnly' },
      { name: 'location', type: 'reference', description: 'Its address.', mutability: 'readOnly', exact: true },
      string('version', 'Its version, which is its ETag.', { exact: true, mutability: 'readOnly' }),
    ],
  },
]

const primary: Attribute = { name: 'primary', type: 'boolean', description: 'Whether it is the one to prefer.' }

export const userKind: Kind = {
  name: 'User',
  endpoint: '/Users',
  urn: urns.user,
  description: 'A person of the identity provider.',
  attributes: [
    ...common,
    string('userName', 'The name by which the provider knows the person.', { required: true, unique: true }),
    {
      name: 'name',
      type: 'complex',
      description: 'The name of the person, for display.',
      sub: [
        string('formatted', 'The whole name.'),
        string('familyName', 'The family name.'),
        string('givenName', 'The given name.'),
      ],
    },
    string('displayName', 'The name that is displayed.'),
    { name: 'active', type: 'boolean', description: 'Whether the person may be here: false ends everything at once.' },
    {
      name: 'emails',
      type: 'complex',
      multi: true,
      description: 'For display only: nobody is recognised by an e-mail address.',
      sub: [
        string('value', 'The address.'),
        string('type', 'What it is for.', { canonical: ['work', 'home', 'other'] }),
        primary,
      ],
    },
    {
      name: 'groups',
      type: 'complex',
      multi: true,
      mutability: 'readOnly',
      description: 'The groups of this provider that the person is in; changed at the groups.',
      sub: [
        string('value', 'The id of the group.', { exact: true, mutability: 'readOnly' }),
        { name: '$ref', type: 'reference', description: 'Its address.', mutability: 'readOnly', refers: ['Group'] },
        string('display', 'Its name.', { mutability: 'readOnly' }),
        string('type', 'Always direct.', { mutability: 'readOnly', canonical: ['direct'] }),
      ],
    },
  ],
}

export const groupKind: Kind = {
  name: 'Group',
  endpoint: '/Groups',
  urn: urns.group,
  description: 'A group of the identity provider, which an administrator here may give rights.',
  attributes: [
    ...common,
    string('displayName', 'The name of the group.', { required: true, unique: true }),
    {
      name: 'members',
      type: 'complex',
      multi: true,
      description: 'The people in the group, who must have been provisioned before.',
      sub: [
        string('value', 'The id of the person here.', { exact: true, mutability: 'immutable', required: true }),
        { name: '$ref', type: 'reference', description: 'The address.', mutability: 'immutable', refers: ['User'] },
        string('type', 'Always User.', { mutability: 'immutable', canonical: ['User'] }),
      ],
    },
  ],
}

export const kinds = { User: userKind, Group: groupKind } as const

const elsewhere = new Set(
  (
    'nickname profileurl title usertype preferredlanguage locale timezone password phonenumbers ims photos addresses ' +
    'entitlements roles x509certificates'
  ).split(' '),
)

/** Whether the standard has this attribute and we do not keep it: it never has a value here, and is never an error. */
export function isStandardElsewhere(kind: Kind, name: string): boolean {
  return kind.name === 'User' && elsewhere.has(name.toLowerCase())
}

/** Finds an attribute by its name, whose case does not matter. */
export function findAttribute(attributes: readonly Attribute[], name: string): Attribute | undefined {
  const folded = name.toLowerCase()
  return attributes.find((one) => one.name.toLowerCase() === folded)
}

/**
 * Takes the URN of a schema off a name.
 *
 * @returns the rest; undefined for an attribute of a schema that this kind does not have.
 */
export function withoutUrn(kind: Kind, name: string): string | undefined {
  const folded = name.toLowerCase()
  if (!folded.startsWith('urn:')) return name
  const own = `${kind.urn.toLowerCase()}:`
  return folded.startsWith(own) ? name.slice(own.length) : undefined
}

const characteristics = (one: Attribute): object => ({
  name: one.name,
  type: one.type,
  multiValued: one.multi ?? false,
  description: one.description,
  required: one.required ?? false,
  ...(one.type !== 'complex' && one.type !== 'boolean' && { caseExact: one.exact ?? false }),
  mutability: one.mutability ?? 'readWrite',
  returned: one.returned ?? 'default',
  uniqueness: one.unique ? 'server' : 'none',
  ...(one.canonical && { canonicalValues: one.canonical }),
  ...(one.refers && { referenceTypes: one.refers }),
  ...(one.sub && { subAttributes: one.sub.map(characteristics) }),
})

/** The schemas as `/Schemas` tells them. @see https://www.rfc-editor.org/rfc/rfc7643#section-7 */
export function schemasAt(base: string): { id: string }[] {
  return [userKind, groupKind].map((kind) => ({
    schemas: [urns.schema],
    id: kind.urn,
    name: kind.name,
    description: kind.description,
    attributes: kind.attributes.filter((one) => !common.includes(one)).map(characteristics),
    meta: { resourceType: 'Schema', location: `${base}/Schemas/${kind.urn}` },
  }))
}

/** The kinds as `/ResourceTypes` tells them. @see https://www.rfc-editor.org/rfc/rfc7643#section-6 */
export function resourceTypesAt(base: string): { id: string }[] {
  return [userKind, groupKind].map((kind) => ({
    schemas: [urns.resourceType],
    id: kind.name,
    name: kind.name,
    endpoint: kind.endpoint,
    description: kind.description,
    schema: kind.urn,
    meta: { resourceType: 'ResourceType', location: `${base}/ResourceTypes/${kind.name}` },
  }))
}
