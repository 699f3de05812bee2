import { auth0 } from './preset/auth0.ts'
import { entra } from './preset/entra.ts'
import { google } from './preset/google.ts'
import { keycloak } from './preset/keycloak.ts'
import { okta } from './preset/okta.ts'
import { workos } from './preset/workos.ts'
import type { Preset } from './preset.ts'

/** The vendors that are known. A new one is a file in `preset/`, a line here, and a page in `docs/guide/providers`. */
export const presets = { auth0, entra, google, keycloak, okta, workos } satisfies Record<string, Preset>
