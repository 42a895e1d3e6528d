import type { Template } from './template.ts'

/*
  One level per path segment:

    (root) ─ orders ─┬─ (GET, POST)
                     └─ {} ─┬─ (GET)
                            └─ items ─ (GET)

  A static segment wins over a parameter and a parameter over a tail; where the winner leads nowhere, or has no value for
  the method, the next is tried. It costs one look-up per segment, however many templates there are. What counts then is
  memory that is not in the processor's cache: so what can be shared is, and what belongs together is in one object.
*/
export class Branch<T> {
  /** Static segments that may follow, in the order of the children; none where the children are a map. */
  texts: readonly string[] = none
  children: readonly Branch<T>[] | Map<string, Branch<T>> = none
  parameter: Branch<T> | undefined = undefined
  /** Where a path may end here. */
  methods: readonly string[] = none
  value: T | undefined = undefined
  others: Leaf<T> | undefined = undefined
  /** Where any rest may follow. */
  tail: Leaf<T> | undefined = undefined
}

/** Values for other methods than the first. */
interface Leaf<T> {
  /** '' is every method. */
  readonly methods: readonly string[]
  readonly value: T
  readonly next: Leaf<T> | undefined
}

const none: readonly never[] = []

/** 8 children: so many are compared one by one as fast as a map finds one, in a fifth of its memory. */
const fewChildren = 8

/** Lists of texts, one copy of each: 15,000 APIs have the same few. */
export class SharedLists {
  readonly #texts = new Map<string, string>()
  readonly #lists = new Map<string, readonly string[]>()

  list(texts: readonly string[]): readonly string[] {
    const key = texts.join('/')
    const known = this.#lists.get(key)
    if (known) return known
    const shared = texts.map((text) => {
      const first = this.#texts.get(text) ?? text
      this.#texts.set(text, first)
      return first
    })
    this.#lists.set(key, shared)
    return shared
  }
}

/** Adds a value below a root; no methods are every method. */
export function addTo<T>(
  root: Branch<T>,
  template: Template,
  methods: readonly string[],
  value: T,
  shared: SharedLists,
): void {
  let branch = root
  for (const segment of template.segments) {
    branch = segment === undefined ? descendByParameter(branch) : descendByText(branch, segment, shared)
  }
  const list = shared.list(methods.length > 0 ? methods : [''])
  if (template.hasTail) branch.tail = { methods: list, value, next: branch.tail }
  else if (branch.value === undefined) Object.assign(branch, { methods: list, value })
  else branch.others = { methods: list, value, next: branch.others }
}

function descendByParameter<T>(branch: Branch<T>): Branch<T> {
  branch.parameter ??= new Branch()
  return branch.parameter
}

function descendByText<T>(branch: Branch<T>, text: string, shared: SharedLists): Branch<T> {
  const known = childOf(branch, text)
  if (known) return known
  const child = new Branch<T>()
  const { texts, children } = branch
  if (children instanceof Map) children.set(text, child)
  else if (children.length < fewChildren) {
    branch.texts = shared.list([...texts, text])
    branch.children = [...children, child]
  } else {
    branch.children = new Map([...texts.map((other, i) => [other, children[i] as Branch<T>] as const), [text, child]]) // one child beside each text
    branch.texts = none
  }
  return child
}

/** The value for a path from its character `at` on. */
export function findIn<T>(branch: Branch<T>, path: string, at: number, method: string): T | undefined {
  if (at >= path.length) return valueAt(branch, method) ?? valueFor(branch.tail, method)
  const slash = path.indexOf('/', at)
  const segment = slash < 0 ? path.slice(at) : path.slice(at, slash)
  const next = slash < 0 ? path.length : slash + 1
  const child = childOf(branch, segment)
  return (
    (child && findIn(child, path, next, method)) ??
    (branch.parameter && findIn(branch.parameter, path, next, method)) ??
    valueFor(branch.tail, method)
  )
}

/** Adds the methods that a path has values for. */
export function collectMethods<T>(branch: Branch<T>, path: string, at: number, into: Set<string>): void {
  const isEnd = at >= path.length
  if (isEnd) for (const method of branch.methods) into.add(method)
  for (const first of isEnd ? [branch.others, branch.tail] : [branch.tail]) {
    for (let leaf = first; leaf; leaf = leaf.next) for (const method of leaf.methods) into.add(method)
  }
  if (isEnd) return
  const slash = path.indexOf('/', at)
  const segment = slash < 0 ? path.slice(at) : path.slice(at, slash)
  const next = slash < 0 ? path.length : slash + 1
  const child = childOf(branch, segment)
  if (child) collectMethods(child, path, next, into)
  if (branch.parameter) collectMethods(branch.parameter, path, next, into)
}

function childOf<T>({ texts, children }: Branch<T>, text: string): Branch<T> | undefined {
  if (children instanceof Map) return children.get(text)
  for (let i = 0; i < texts.length; i++) if (texts[i] === text) return children[i]
  return undefined
}

/** The value where a path ends: for the method, for GET where HEAD is asked, or for every method. */
function valueAt<T>(branch: Branch<T>, method: string): T | undefined {
  return (
    exactlyAt(branch, method) ?? (method === 'HEAD' ? exactlyAt(branch, 'GET') : undefined) ?? exactlyAt(branch, '')
  )
}

function valueFor<T>(leaf: Leaf<T> | undefined, method: string): T | undefined {
  return exactly(leaf, method) ?? (method === 'HEAD' ? exactly(leaf, 'GET') : undefined) ?? exactly(leaf, '')
}

function exactlyAt<T>(branch: Branch<T>, method: string): T | undefined {
  return branch.methods.includes(method) ? branch.value : exactly(branch.others, method)
}

function exactly<T>(first: Leaf<T> | undefined, method: string): T | undefined {
  for (let leaf = first; leaf; leaf = leaf.next) if (leaf.methods.includes(method)) return leaf.value
  return undefined
}
