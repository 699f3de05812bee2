import { actions } from './actions.ts'
import type { Guard } from './guard.ts'
import { pages } from './pages.ts'
import { readings } from './readings.ts'
import { apiPrefix } from './serving.ts'

/** One address of this door. */
export interface Route {
  method: 'GET' | 'POST'
  /** Changing parts in braces. */
  path: string
  guard: Guard
}

/** What is open to everybody: nothing of it tells anything. */
export const publicRoutes: readonly Route[] = [
  { method: 'GET', path: '/api/v1/openapi.json', guard: 'public' },
  { method: 'GET', path: '/health', guard: 'public' },
  { method: 'GET', path: '/ready', guard: 'public' },
]

/** Every address of this door with its guard; what is not here does not exist. */
export function listRoutes(): Route[] {
  const routes: Route[] = [
    ...publicRoutes,
    ...pages.map(({ path, guard }): Route => ({ method: 'GET', path, guard })),
    ...actions.map(({ path, guard }): Route => ({ method: 'POST', path, guard })),
    ...actions
      .filter(({ faces }) => faces !== 'page')
      .map(({ path, guard }): Route => ({ method: 'POST', path: apiPrefix + path, guard })),
    ...readings.map(({ path, guard }): Route => ({ method: 'GET', path: apiPrefix + path, guard })),
  ]
  return routes.toSorted((a, b) => (`${a.path} ${a.method}` < `${b.path} ${b.method}` ? -1 : 1))
}
