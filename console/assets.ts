/** Files of the usage page, in the form that the console's server takes. */
export const assets = [
  { path: '/', file: new URL('./page/index.html', import.meta.url), type: 'text/html; charset=utf-8' },
  { path: '/page.css', file: new URL('./page/page.css', import.meta.url), type: 'text/css; charset=utf-8' },
  { path: '/page.js', file: new URL('./page/page.js', import.meta.url), type: 'text/javascript; charset=utf-8' },
  { path: '/icon.svg', file: new URL('./page/icon.svg', import.meta.url), type: 'image/svg+xml' },
] as const
