import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import { fields, type RequestRecord } from '../../record/fields.ts'

/** Whom a record is from: one resource for each gateway, always the same object for the same one, since they are grouped by identity. */
export type ResourceOf = (record: Pick<RequestRecord, 'gateway' | 'region'>) => Resource

/** What all that we send is named after. */
export const scope = { name: 'penstock' }

export function resources(attributes: Readonly<Record<string, string>>): ResourceOf {
  const known = new Map<string, Map<string, Resource>>()
  return ({ gateway, region }) => {
    const inRegion = known.get(region) ?? new Map<string, Resource>()
    known.set(region, inRegion)
    const resource = inRegion.get(gateway) ?? toResource(gateway, region, attributes)
    inRegion.set(gateway, resource)
    return resource
  }
}

function toResource(gateway: string, region: string, attributes: Readonly<Record<string, string>>): Resource {
  return resourceFromAttributes({
    'service.name': 'penstock',
    ...(gateway === '' ? {} : { [fields.gateway.otel]: gateway }),
    ...(region === '' ? {} : { [fields.region.otel]: region }),
    ...attributes,
  })
}
