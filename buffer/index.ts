import type { BufferDefinition } from './buffer.ts'
import sqlite from './sqlite/definition.ts'

/** Every buffer there is. Adding one is a folder and a line here. */
export const buffers = { sqlite } satisfies Record<string, BufferDefinition>
