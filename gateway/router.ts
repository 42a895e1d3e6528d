import type { Template } from './template.ts'
import { addTo, Branch, collectMethods, findIn, SharedLists } from './tree.ts'

/** 10,000: hosts come from clients, so what is remembered of them is bounded; 1 MB when full. */
const knownHostsMax = 10_000

/** Values by host, path template and method, such as the routes of a gateway: first all are added, then they are found. */
export class Router<T> {
  readonly #exact = new Map<string, Branch<T>>()
  readonly #suffixes = new Map<string, Branch<T>>()
  readonly #everyHost = new Branch<T>()
  readonly #shared = new SharedLists()
  /** Trees by host, most specific first, as they were asked for. */
  readonly #known = new Map<string, readonly Branch<T>[]>()

  /** `host` may be '' for every host or begin with `*.`; no methods are every method. */
  add(host: string, methods: readonly string[], template: Template, value: T): void {
    addTo(this.#root(host), template, methods, value, this.#shared)
  }

  /** The value for a request; undefined where there is none. The path is in its one spelling. */
  find(host: string, method: string, path: string): T | undefined {
    const trees = this.#trees(host)
    for (let i = 0; i < trees.length; i++) {
      const found = findIn(trees[i] as Branch<T>, path, 1, method) // i is below the length
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Methods that the path would be found with; none where the path itself is unknown. */
  methods(host: string, path: string): ReadonlySet<string> {
    const methods = new Set<string>()
    for (const tree of this.#trees(host)) collectMethods(tree, path, 1, methods)
    if (methods.has('GET')) methods.add('HEAD')
    return methods
  }

  #root(host: string): Branch<T> {
    if (host === '') return this.#everyHost
    const [map, key] = host.startsWith('*.') ? [this.#suffixes, host.slice(1)] : [this.#exact, host]
    const root = map.get(key) ?? new Branch()
    map.set(key, root)
    return root
  }

  #trees(host: string): readonly Branch<T>[] {
    let trees = this.#known.get(host)
    if (!trees) {
      trees = this.#treesOf(host)
      if (this.#known.size >= knownHostsMax) this.#known.clear()
      this.#known.set(host, trees)
    }
    return trees
  }

  #treesOf(host: string): readonly Branch<T>[] {
    const trees = [this.#exact.get(host)]
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1))
      trees.push(this.#suffixes.get(host.slice(dot)))
    trees.push(this.#everyHost)
    return trees.filter((tree) => tree !== undefined)
  }
}
