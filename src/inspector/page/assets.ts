/**
 * All files of the page, by path in this folder → media type; nothing else is served. The page itself is `index.html` at `/`,
 * all others are at `/page/NAME`.
 */
export const assets: ReadonlyMap<string, string> = new Map([
  ['index.html', 'text/html; charset=utf-8'],
  ['icon.svg', 'image/svg+xml'],
  ['statechart.json', 'application/json'],
  ...['theme', 'list', 'detail', 'supervisor'].map(
    (name) => [`styles/${name}.css`, 'text/css; charset=utf-8'] as const,
  ),
  ...[
    'connection',
    'dom',
    'frames',
    'main',
    'morph',
    'store',
    'words',
    'detail/certificate',
    'detail/chart',
    'detail/detail',
    'detail/hosts',
    'detail/lifetime',
    'detail/timeline',
    'list/filters',
    'list/list',
    'list/row',
    'list/selection',
    'list/summary',
    'supervisor/calendar',
    'supervisor/gauges',
    'supervisor/supervisor',
  ].map((name) => [`${name}.mjs`, 'text/javascript; charset=utf-8'] as const),
]);

/** Only own files, nothing inline: texts of hosts or a CA can neither run nor load anything. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');
