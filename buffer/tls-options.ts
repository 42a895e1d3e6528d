import * as z from 'zod'

/** How a client speaks TLS to a buffer's servers. */
export const tlsOptions = z
  .strictObject({
    ca: z.string().optional().describe('Certificates to trust in place of the system’s, PEM'),
    cert: z.string().optional().describe('Certificate of this client, PEM'),
    key: z.string().optional().meta({ secret: true }).describe('Key of that certificate, PEM'),
    rejectUnauthorized: z
      .boolean()
      .default(true)
      .describe('Whether a server whose certificate is not trusted is refused'),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), 'cert and key go together')
