import { marked } from 'marked';
import sanitizeHtml from 'sanitize-html';

export interface Page {
  /** Of the file, without its folder. */
  readonly name: string;
  readonly text: string;
}

/** A whole page. Whoever may write Markdown may not write scripts, styles, frames or forms. */
export function renderPage({ name, text }: Page): string {
  const body = sanitizeHtml(marked.parse(text.replace(FRONT_MATTER, ''), { async: false, gfm: true }), RULES);
  const title = titleOf(body) ?? name.replace(MARKDOWN, '');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

export const MARKDOWN = /\.(?:md|markdown)$/i;
const FRONT_MATTER = /^---\r?\n[\s\S]*?\r?\n---\r?\n/;

const RULES: sanitizeHtml.IOptions = {
  allowedTags: [
    ...sanitizeHtml.defaults.allowedTags,
    'img',
    'details',
    'summary',
    'del',
    'ins',
    'input',
    'picture',
    'source',
  ],
  allowedAttributes: {
    '*': ['id', 'title', 'lang', 'dir', 'align'],
    a: ['href', 'name', 'rel'],
    img: ['src', 'alt', 'width', 'height', 'loading'],
    source: ['media', 'srcset', 'type'],
    code: ['class'],
    th: ['colspan', 'rowspan', 'scope'],
    td: ['colspan', 'rowspan'],
    ol: ['start'],
    input: ['type', 'checked', 'disabled'],
    details: ['open'],
  },
  allowedClasses: { code: ['language-*'] },
  allowedSchemes: ['http', 'https', 'mailto', 'tel'],
  allowedSchemesByTag: { img: ['http', 'https', 'data'] },
  allowProtocolRelative: false,
  disallowedTagsMode: 'discard',
  transformTags: {
    a: (tagName, attribs) => ({
      tagName,
      attribs: { ...attribs, ...('href' in attribs && { href: linked(attribs['href']) }) },
    }),
    // Of lists of tasks; nothing else is entered anywhere.
    input: (tagName, attribs) => ({
      tagName,
      attribs: { type: 'checkbox', disabled: '', ...('checked' in attribs && { checked: '' }) },
    }),
  },
};

/** A link to a file beside it leads to the page that is made of it. */
function linked(href: string | undefined): string {
  if (href === undefined || /^[a-z][a-z0-9+.-]*:|^\/\//i.test(href)) return href ?? '';
  return href
    .replace(/(^|\/)readme\.(?:md|markdown)(?=$|[?#])/i, '$1')
    .replace(/\.(?:md|markdown)(?=$|[?#])/i, '.html');
}

function titleOf(html: string): string | null {
  const heading = /<h1[^>]*>([\s\S]*?)<\/h1>/.exec(html)?.[1];
  const text = heading?.replace(/<[^>]*>/g, '').trim();
  return text === undefined || text === '' ? null : unescape(text);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function unescape(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

const STYLE = [
  ':root{color-scheme:light dark;font:17px/1.6 system-ui,sans-serif}',
  'body{margin:0}main{max-width:46rem;margin:0 auto;padding:2rem 1.25rem}',
  'img{max-width:100%;height:auto}pre{overflow:auto;padding:1rem;border:1px solid #8884;border-radius:6px}',
  'code{font:0.9em ui-monospace,monospace}table{border-collapse:collapse}td,th{border:1px solid #8886;padding:.3rem .6rem}',
  'blockquote{margin:0;padding-left:1rem;border-left:3px solid #8886}',
].join('');
