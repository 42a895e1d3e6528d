import { hash, randomInt } from 'node:crypto'

/*
  An API key

    pstk_7d2k9q4m1x_0pQ…aB3x
    │    │          └ secret   32 characters of 62: 190 bits
    │    └ id                  10 characters of 32, told apart by eye: names the key, opens nothing
    └ mark                     what leak scanners look for: pstk_[0-9a-hjkmnp-tv-z]{10}_[0-9A-Za-z]{32}

  48 characters: up to 55 fit into one block of SHA-256. All of them are word characters, so that a double click takes the whole key.
*/

const mark = 'pstk_'
const idLetters = '0123456789abcdefghjkmnpqrstvwxyz'
const idLength = 10
const secretLetters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const secretLength = 32

/** A key that nobody has seen yet. */
export function makeKey(): { readonly id: string; readonly key: string } {
  const id = randomText(idLetters, idLength)
  return { id, key: `${mark}${id}_${randomText(secretLetters, secretLength)}` }
}

/** How a key is shown after it was created: enough to recognise, nothing to use. */
export function toShown(key: string): string {
  return `${key.slice(0, mark.length + idLength + 1)}…${key.slice(-4)}`
}

/** What is kept of a key. A plain hash is enough: nobody guesses 190 random bits, so there is nothing that a slow hash would slow down. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex')
}

function randomText(letters: string, length: number): string {
  return Array.from({ length }, () => letters.charAt(randomInt(letters.length))).join('')
}
