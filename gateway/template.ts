import { normalPath } from './path.ts'

/** A path template: static segments, then where `rest` is set, anything. An undefined segment is a parameter. */
export interface Template {
  readonly segments: readonly (string | undefined)[]
  readonly hasTail: boolean
}

const parameter = /^\{[A-Za-z_][A-Za-z0-9_-]*\}$/
const tail = /^\{[A-Za-z_][A-Za-z0-9_-]*\*\}$/

/** What is wrong with a template as an operator wrote it; undefined where nothing is. */
export function templateFault(path: string): string | undefined {
  if (!path.startsWith('/')) return 'a path begins with a slash'
  if (/[?#]/.test(path)) return 'a path has neither query nor fragment'
  const segments = path.split('/').slice(1)
  for (const [index, segment] of segments.entries()) {
    if (tail.test(segment)) {
      if (index < segments.length - 1) return `${segment} takes the rest of the path, so nothing can follow it`
    } else if (/[{}*]/.test(segment) && !parameter.test(segment)) {
      return `"${segment}" is neither text nor a parameter: a parameter is a whole segment, such as {id} or, at the end, {rest*}`
    }
  }
  if (normalPath(withoutParameters(path)) === undefined)
    return 'a path has no dot segments, backslashes or broken percent-encoding'
  return undefined
}

/** The template of a route below its base path, in the spelling that requests are matched in. */
export function parseTemplate(basePath: string, path: string): Template {
  const parts = joinPath(basePath, path)
    .split('/')
    .filter((part) => part !== '')
  const hasTail = tail.test(parts.at(-1) ?? '')
  const segments = (hasTail ? parts.slice(0, -1) : parts).map((part) =>
    parameter.test(part) ? undefined : normalPath(`/${part}`)?.slice(1),
  )
  return { segments, hasTail }
}

/** Base path and path as one, without doubled or trailing slashes. */
export function joinPath(basePath: string, path: string): string {
  const joined = `${basePath}/${path}`.replace(/\/{2,}/g, '/')
  return joined.length > 1 && joined.endsWith('/') ? joined.slice(0, -1) : joined
}

/** A template without the names of its parameters: two routes of the same shape take the same requests. */
export function shapeOf(basePath: string, path: string): string {
  const { segments, hasTail } = parseTemplate(basePath, path)
  return `/${[...segments.map((segment) => segment ?? '{}'), ...(hasTail ? ['{*}'] : [])].join('/')}`
}

function withoutParameters(path: string): string {
  return path.replace(/\{[^/]*\}/g, 'x')
}
