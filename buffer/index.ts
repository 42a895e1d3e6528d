import type { BufferDefinition } from './define.ts'
import kafka from './kafka/definition.ts'
import redis from './redis/definition.ts'
import sqlite from './sqlite/definition.ts'

/** Every buffer there is. Adding one is a folder and a line here. */
export const buffers = { sqlite, redis, kafka } satisfies Record<string, BufferDefinition>
