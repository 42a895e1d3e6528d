import { normalPath } from '../path.ts'

/** A path as records have it: without its parameters (`;jsessionid=…`), which some clients keep secrets in. */
export function shownPath(path: string): string {
  return path.includes(';') ? path.replace(/;[^/]*/g, '') : path
}

const parameter = /^\{([^*}]+)(\*?)\}$/

/** The same for the paths of one template: parameters whose names say that they are secret, such as `{token}`, stay as the template has them. */
export function pathShower(template: string, isSecret: (name: string) => boolean): (path: string) => string {
  const secrets = template.split('/').flatMap((text, index) => {
    const [, name, tail] = parameter.exec(text) ?? []
    return name !== undefined && isSecret(name) ? [{ index, text, isTail: tail !== '' }] : []
  })
  if (secrets.length === 0) return shownPath
  return (path) => {
    const segments = (normalPath(path) ?? '').split('/')
    for (const { index, text, isTail } of secrets) {
      if (index < segments.length) segments.splice(index, isTail ? segments.length - index : 1, text)
    }
    return shownPath(segments.join('/'))
  }
}
