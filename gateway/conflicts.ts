import { joinPath, shapeOf, templateFault } from './template.ts'

interface Routed {
  readonly name: string
  readonly hosts: readonly string[]
  readonly basePath: string
  readonly routes: readonly { readonly path: string; readonly methods: readonly string[] }[]
}

export interface Conflict {
  /** Where the second of the two stands in the options. */
  readonly path: (string | number)[]
  /** Names both. */
  readonly message: string
}

/** Routes that would take the same requests as another. */
export function* routeConflicts(apis: readonly Routed[]): Generator<Conflict> {
  const taken = new Map<string, number>()
  const places: { readonly api: Routed; readonly path: string }[] = []
  for (const [apiIndex, api] of apis.entries()) {
    for (const [routeIndex, route] of api.routes.entries()) {
      if (templateFault(route.path) !== undefined) continue // reported where the template is checked
      const shape = shapeOf(api.basePath, route.path)
      const place = places.push({ api, path: joinPath(api.basePath, route.path) }) - 1
      for (const key of keysOf(api, route, shape)) {
        const other = places[taken.get(key) ?? place]
        if (taken.has(key) && other) {
          yield { path: ['apis', apiIndex, 'routes', routeIndex], message: describe(key, api, other) }
          break
        }
        taken.set(key, place)
      }
    }
  }
}

function* keysOf({ hosts }: Routed, { methods }: Routed['routes'][number], shape: string): Generator<string> {
  for (const host of hosts.length > 0 ? hosts : ['every host']) {
    for (const method of methods.length > 0 ? methods : ['every method']) yield `${host}, ${method} ${shape}`
  }
}

function describe(key: string, api: Routed, other: { readonly api: Routed; readonly path: string }): string {
  const both =
    other.api === api
      ? `API "${api.name}" has it twice`
      : `API "${other.api.name}" (${other.path}) and API "${api.name}" both have it`
  return `Two routes take the same requests (${key}): ${both}. Change one of them.`
}
