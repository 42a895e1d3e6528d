export interface DemoAddresses {
  readonly dataDir: string
  readonly upstream: string
  readonly port: number
}

/** The demo's configuration: written beside its data, so that a reader finds out how it is done. */
export function toDemoConfig({ dataDir, upstream, port }: DemoAddresses): string {
  return `# The configuration of the demo, written anew at each start.
dataDir: ${JSON.stringify(dataDir)}
log: { level: warn }

gateway:
  name: demo-1
  listen: [{ port: ${port} }]
  admin: { port: ${port + 1} }
  upstreams:
    shop: { targets: [{ url: ${JSON.stringify(upstream)} }] }
  apis:
    - name: catalog
      version: "2"
      basePath: /catalog
      upstream: shop
      routes:
        - { path: "/products/{id}", methods: [GET], useCase: browse }
        - { path: /search, methods: [GET], useCase: search }
    - name: orders
      version: "1"
      basePath: /orders
      upstream: shop
      routes:
        - { path: /, methods: [GET, POST], useCase: ordering }
        - { path: "/{id}", methods: [GET], useCase: order status, expected: [404] }
        - { path: /export, methods: [GET], useCase: reporting, allow: { teams: [data] } }
    - name: payments
      version: "1"
      basePath: /payments
      upstream: shop
      allow: { plans: [gold] }
      routes:
        - { path: /, methods: [POST], useCase: checkout }
        - { path: "/{id}", methods: [GET], useCase: payment status }
  plans:
    gold: { rateLimit: { requests: 100, per: second } }
    free: { rateLimit: { requests: 3, per: second } }
  consumers:
    web-shop: { team: storefront, plan: gold }
    mobile-app: { team: storefront, plan: gold }
    partner-acme: { team: partners, plan: gold }
    reporting: { team: data, plan: gold }
    crawler: { team: seo, plan: free }

pump:
  admin: { port: ${port + 2} }
console: { port: ${port + 3} }

sinks:
  prometheus: { type: prometheus }
  store: { type: store }
`
}
