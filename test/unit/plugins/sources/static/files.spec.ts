import { describe, expect, it } from 'vitest';
import { isHashed } from '#plugins/sources/static/files/hashed';
import { renderPage } from '#plugins/sources/static/files/markdown';
import { fingerprint, timeOf } from '#plugins/sources/static/files/times';

describe('a name', () => {
  it.each([
    'app.3f2a1b4c.js',
    'js/main.0a1b2c3d4e5f60718293.chunk.0a1b2c3d.css',
    'assets/index-BxY3_z1a.js',
    '_next/static/chunks/app-1f0c9d3ab2.js',
    'static/media/logo.6ce24c58023cc2f8fd88.svg',
    'app.3f2a1b4c.js.map',
  ])('%s holds a hash: it is kept for ever', (path) => expect(isHashed(path)).toBe(true));

  it.each([
    'index.html',
    'page.3f2a1b4c.html',
    'app.js',
    'my-photography.jpg',
    'IMG-20240101.jpg',
    'jquery-3.7.1.min.js',
    'assets/background.png',
    'assets/site-overview.png',
    'sitemap.xml',
  ])('%s holds none: it is asked about each time', (path) => expect(isHashed(path)).toBe(false));
});

describe('a Markdown page', () => {
  const page = (text: string, name = 'page.md') => renderPage({ name, text });

  it('has a title, headings, tables, code and links to the pages beside it', () => {
    const html = page(
      '---\ntitle: x\n---\n# A & B\n\n|a|\n|-|\n|1|\n\n```js\nlet a\n```\n\n[next](sub/next.md#x) [up](../README.md)\n',
    );
    expect(html).toContain('<title>A &amp; B</title>');
    expect(html).toContain('<td>1</td>');
    expect(html).toContain('<code class="language-js">');
    expect(html).toContain('href="sub/next.html#x"');
    expect(html).toContain('href="../"');
    expect(html).not.toContain('title: x');
    expect(page('text', 'notes.md')).toContain('<title>notes</title>');
  });

  it.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '[x](javascript:alert(1))',
    '<a href="  jAvAsCrIpT:alert(1)">x</a>',
    '<iframe src="https://evil.example"></iframe>',
    '<form action="https://evil.example"><input name=a></form>',
    '<svg><script>alert(1)</script></svg>',
    '<div style="position:fixed">x</div>',
    '<style>body{display:none}</style>',
    '<base href="https://evil.example/">',
    '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    '# <img src=x onerror=alert(1)>',
    '![x](data:text/html,<script>alert(1)</script>)',
  ])('has nothing of %s that acts', (text) => {
    const body = /<main>([\s\S]*)<\/main>/.exec(page(text))![1]!;
    expect(body).not.toMatch(/<(script|iframe|form|style|base|meta|svg)|\son\w+=|javascript:|style=/i);
    expect(page(text)).not.toMatch(/<title>[^<]*<(?!\/title)/);
  });
});

describe('the time of a file', () => {
  it('stands for its content and is past', async () => {
    const of = async (text: string) => timeOf(await fingerprint([new TextEncoder().encode(text)])).getTime();
    expect(await of('a')).toBe(await of('a'));
    expect(await of('a')).not.toBe(await of('b'));
    expect(await of('a')).toBeLessThan(Date.UTC(2018, 0, 1));
  });
});
