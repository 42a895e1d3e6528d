import { readFileSync } from 'node:fs'
import type { TestFile } from './test-files.ts'

const title = /\btest\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g
const filledIn = /\$\{[^}]*\}/

/** Whether a test file, or a suite that it runs, has a test with `words` in its name: in a part that is written there, or as all of it with what is filled in. */
export function hasTest({ sources }: TestFile, words: string): boolean {
  return sources.some((source) =>
    [...readFileSync(source, 'utf8').matchAll(title)].some(([, single, double, template]) => {
      const plain = single ?? double
      const parts = plain === undefined ? (template ?? '').split(filledIn) : [plain.replaceAll(/\\(.)/g, '$1')]
      const whole = new RegExp(`^${parts.map((part) => RegExp.escape(part)).join('.+')}$`)
      return parts.some((part) => part.includes(words)) || whole.test(words)
    }),
  )
}
