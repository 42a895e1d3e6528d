import type { GatewayOptions } from '../options.ts'
import { compilePrivacy } from './privacy.ts'

interface Fault {
  readonly path: (string | number)[]
  readonly message: string
}

/** Tags that would put a secret into every record. */
export function* secretTags(options: Pick<GatewayOptions, 'privacy' | 'apis' | 'tags'>): Generator<Fault> {
  const privacy = compilePrivacy(options)
  for (const [name, tag] of Object.entries(options.tags)) {
    const [kind, from] = 'header' in tag ? ['header', tag.header] : ['query', tag.query]
    const isSecret = kind === 'header' ? privacy.isSecretHeader(from) : privacy.isSecretField(from)
    if (!isSecret) continue
    const message = `A tag of "${from}" would put a secret into every record. Take another one; where it only sounds like a secret, name it under privacy.redact.keep.`
    yield { path: ['tags', name, kind], message }
  }
}
