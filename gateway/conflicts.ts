import { joinPath, shapeOf, templateFault } from './template.ts'

interface Routed {
  readonly name: string
  readonly hosts: readonly string[]
  readonly basePath: string
  readonly routes: readonly { readonly path: string; readonly methods: readonly string[] }[]
}

/** A route in its API, and the last one before it of the same shape. */
interface Place {
  readonly api: Routed
  readonly route: Routed['routes'][number]
  readonly before: Place | undefined
}

export interface Conflict {
  /** Where the second of the two stands in the options. */
  readonly path: (string | number)[]
  /** Names both. */
  readonly message: string
}

/** Routes that would take the same requests as another. */
export function* routeConflicts(apis: readonly Routed[]): Generator<Conflict> {
  const last = new Map<string, Place>()
  for (const [apiIndex, api] of apis.entries()) {
    for (const [routeIndex, route] of api.routes.entries()) {
      if (templateFault(route.path) !== undefined) continue // reported where the template is checked
      const shape = shapeOf(api.basePath, route.path)
      const place: Place = { api, route, before: last.get(shape) }
      last.set(shape, place)
      for (let other = place.before; other; other = other.before) {
        const requests = sharedRequests(place, other)
        if (requests === undefined) continue
        yield {
          path: ['apis', apiIndex, 'routes', routeIndex],
          message: describe(`${requests} ${shape}`, place, other),
        }
        break
      }
    }
  }
}

/** A host and a method that both take; undefined where there is none. */
function sharedRequests(one: Place, other: Place): string | undefined {
  const host = shared(one.api.hosts, other.api.hosts, 'every host')
  const method = shared(one.route.methods, other.route.methods, 'every method')
  return host === undefined || method === undefined ? undefined : `${host}, ${method}`
}

/** `every` stands for an empty list. */
function shared(ones: readonly string[], others: readonly string[], every: string): string | undefined {
  if (ones.length === 0 && others.length === 0) return every
  return ones.find((one) => others.includes(one))
}

function describe(requests: string, { api }: Place, other: Place): string {
  const path = joinPath(other.api.basePath, other.route.path)
  const both =
    other.api === api
      ? `API "${api.name}" has it twice`
      : `API "${other.api.name}" (${path}) and API "${api.name}" both have it`
  return `Two routes take the same requests (${requests}): ${both}. Change one of them.`
}
