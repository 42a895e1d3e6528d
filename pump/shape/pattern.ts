/**
 * Whether a text is one of `patterns`: each stands for itself, and a `*` in it for any characters, also none.
 * Takes time in proportion to the text, whatever the pattern: texts come from clients.
 */
export function matcher(patterns: readonly string[]): (text: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')))
  const open = patterns.filter((pattern) => pattern.includes('*')).map(wildcard)
  return (text) => exact.has(text) || open.some((matches) => matches(text))
}

function wildcard(pattern: string): (text: string) => boolean {
  const [head = '', ...middle] = pattern.split('*')
  const tail = middle.pop() ?? ''
  return (text) => {
    const end = text.length - tail.length
    if (end < head.length || !text.startsWith(head) || !text.endsWith(tail)) return false
    let at = head.length
    for (const part of middle) {
      const found = text.indexOf(part, at)
      if (found < 0 || found + part.length > end) return false
      at = found + part.length
    }
    return true
  }
}
