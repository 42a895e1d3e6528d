import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sinks } from '../../sinks/index.ts'
import type { SinkDefinition } from '../../sinks/sink.ts'

for (const [name, sink] of Object.entries<SinkDefinition>(sinks))
  test(`what a ${name} sink holds can be asked for, or it is said where to look instead`, () => {
    assert.equal(sink.holdings === undefined, sink.outOfReach !== undefined)
    assert.match(sink.outOfReach ?? 'Out of reach.', /^[A-Z].*\.$/)
  })
