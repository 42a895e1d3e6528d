import assert from 'node:assert/strict'
import type * as z from 'zod'
import { shapeOptions } from '../../../pump/shape/options.ts'
import { openShapes, type Shape } from '../../../pump/shape/shape.ts'

export const hashKey = 'a key for the hashes of this test'

export type ShapeInput = z.input<typeof shapeOptions>

/** A shape as a config says it. */
export function aShape(options: ShapeInput): Shape {
  const { current } = openShapes(shapeOptions.parse(options), [hashKey])
  assert.ok(current, 'these options change nothing')
  return current
}

/** What the schema says against options: path and message of each fault. */
export function faultsOf(options: unknown): string[] {
  const { error } = shapeOptions.safeParse(options)
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}
