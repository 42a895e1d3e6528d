import type { Template } from './template.ts'

/*
  One tree per host, one level per path segment:

    (root) ─ orders ─┬─ (leaf: GET, POST)
                     └─ {} ─┬─ (leaf: GET)
                            └─ items ─ (leaf: GET)

  A static segment wins over a parameter and a parameter over a tail; where the winner leads nowhere, or has no route for
  the method, the next is tried. A request costs one look-up per segment, however many routes there are.
*/

class Branch<T> {
  /** The only static child, as most have but one: 15,000 APIs are 300,000 branches. */
  text: string | undefined = undefined
  child: Branch<T> | undefined = undefined
  /** All static children, where there are several. */
  children: Map<string, Branch<T>> | undefined = undefined
  parameter: Branch<T> | undefined = undefined
  leaf: Leaf<T> | undefined = undefined
  tail: Leaf<T> | undefined = undefined
}

interface Leaf<T> {
  /** '' is every method. */
  readonly methods: string[]
  readonly values: T[]
}

/** What a request asks for is found here. Values are added first, then found. */
export class Router<T> {
  readonly #exact = new Map<string, Branch<T>>()
  readonly #suffixes = new Map<string, Branch<T>>()
  readonly #everyHost = new Branch<T>()
  /** Trees by host, most specific first, as they were asked for. */
  readonly #known = new Map<string, readonly Branch<T>[]>()

  /** `host` may be '' for every host or begin with `*.`; no methods are every method. */
  add(host: string, methods: readonly string[], { segments, hasTail }: Template, value: T): void {
    let branch = this.#root(host)
    for (const segment of segments) branch = descend(branch, segment)
    const leaf: Leaf<T> = (hasTail ? branch.tail : branch.leaf) ?? { methods: [], values: [] }
    if (hasTail) branch.tail = leaf
    else branch.leaf = leaf
    for (const method of methods.length > 0 ? methods : ['']) {
      leaf.methods.push(method)
      leaf.values.push(value)
    }
  }

  /** The value for a request; undefined where there is none. The path is in its one spelling. */
  find(host: string, method: string, path: string): T | undefined {
    const trees = this.#trees(host)
    for (let i = 0; i < trees.length; i++) {
      const found = walk(trees[i] as Branch<T>, path, 1, method) // i is below the length
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Methods that the path would be found with; none where the path itself is unknown. */
  methods(host: string, path: string): ReadonlySet<string> {
    const methods = new Set<string>()
    for (const tree of this.#trees(host)) collect(tree, path, 1, methods)
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

/** 10,000: hosts come from clients, so what is remembered of them is bounded; 1 MB when full. */
const knownHostsMax = 10_000

function descend<T>(branch: Branch<T>, segment: string | undefined): Branch<T> {
  if (segment === undefined) {
    branch.parameter ??= new Branch()
    return branch.parameter
  }
  const known = branch.children ? branch.children.get(segment) : branch.text === segment ? branch.child : undefined
  if (known) return known
  const child = new Branch<T>()
  if (branch.children) branch.children.set(segment, child)
  else if (branch.text === undefined || !branch.child) Object.assign(branch, { text: segment, child })
  else {
    branch.children = new Map([
      [branch.text, branch.child],
      [segment, child],
    ])
  }
  return child
}

function walk<T>(branch: Branch<T>, path: string, at: number, method: string): T | undefined {
  if (at >= path.length) return pick(branch.leaf, method) ?? pick(branch.tail, method)
  const slash = path.indexOf('/', at)
  const segment = slash < 0 ? path.slice(at) : path.slice(at, slash)
  const next = slash < 0 ? path.length : slash + 1
  const child = staticChild(branch, segment)
  return (
    (child && walk(child, path, next, method)) ??
    (branch.parameter && walk(branch.parameter, path, next, method)) ??
    pick(branch.tail, method)
  )
}

function staticChild<T>(branch: Branch<T>, segment: string): Branch<T> | undefined {
  if (branch.children) return branch.children.get(segment)
  return branch.text === segment ? branch.child : undefined
}

function pick<T>(leaf: Leaf<T> | undefined, method: string): T | undefined {
  if (!leaf) return undefined
  const { methods } = leaf
  let index = methods.indexOf(method)
  if (index < 0 && method === 'HEAD') index = methods.indexOf('GET')
  if (index < 0) index = methods.indexOf('')
  return index < 0 ? undefined : leaf.values[index]
}

function collect<T>(branch: Branch<T>, path: string, at: number, into: Set<string>): void {
  const leaves = at >= path.length ? [branch.leaf, branch.tail] : [branch.tail]
  for (const method of leaves.flatMap((leaf) => leaf?.methods ?? [])) into.add(method)
  if (at >= path.length) return
  const slash = path.indexOf('/', at)
  const segment = slash < 0 ? path.slice(at) : path.slice(at, slash)
  const next = slash < 0 ? path.length : slash + 1
  const child = staticChild(branch, segment)
  if (child) collect(child, path, next, into)
  if (branch.parameter) collect(branch.parameter, path, next, into)
}
