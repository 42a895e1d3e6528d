import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { command, installed } from './provision.ts'

export interface Certificate {
  /** PEM, to be trusted by clients. It signs itself, so it is also the server's certificate. */
  readonly ca: string
  readonly key: string
  readonly certificateFile: string
  readonly keyFile: string
}

/** Makes a certificate for localhost and 127.0.0.1 in the folder. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  await installed({ name: 'openssl', files: ['/usr/bin/openssl'] })
  await mkdir(folder, { recursive: true })
  const certificateFile = join(folder, 'tls.crt')
  const keyFile = join(folder, 'tls.key')
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile]
  await command('openssl', ['req', '-x509', ...key, '-out', certificateFile, '-days', '2', ...subject])
  return {
    ca: await readFile(certificateFile, 'utf8'),
    key: await readFile(keyFile, 'utf8'),
    certificateFile,
    keyFile,
  }
}
