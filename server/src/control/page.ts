import type { Html } from '../base/page.ts'
import type { Guard } from './guard.ts'
import type { ControlRooms, Viewer } from './rooms.ts'

/** Somebody looks at a page. */
export interface Visit {
  viewer: Viewer
  /** What each form of the page carries. */
  csrf: string
  /** The changing parts of the path. */
  params: Readonly<Record<string, string>>
  query: URLSearchParams
  /** What was filled in before, where a form is shown again. */
  given?: URLSearchParams | undefined
}

/** What a page shows. */
export interface Shown {
  title: string
  body: Html
  width?: 'narrow' | 'wide'
}

/** A page: its address, who may see it, and how it is made. It changes nothing. */
export interface PageRoute {
  /** Changing parts in braces. */
  path: string
  guard: Exclude<Guard, 'public' | 'owner' | 'holder' | 'approver'>
  show(rooms: ControlRooms, visit: Visit): Promise<Shown>
}
