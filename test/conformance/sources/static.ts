import { ensureBaseImages } from '../../support/base-images.js';
import { startGitHost } from '../../support/git-host.js';
import { createRepository } from '../../support/git-repository.js';
import { SECRET_NAME, type SourceFixture } from '../source-fixture.js';

const smallest = { provider: 'github', repoOwner: 'acme', repoName: 'site' };
const artifactOf = (letter: string) => {
  return { kind: 'static', repository: 'github.com/acme/site', tag: null, digest: null, sha: letter.repeat(40) };
};

export const staticSite: SourceFixture = {
  kind: 'static',
  smallest,
  valid: [
    { ...smallest, branch: 'feature/new-face', folderPath: 'docs/public', renderMarkdown: true, spaFallback: true },
    { ...smallest, provider: 'gitea', baseUrl: 'https://git.example.org/sub/', accessToken: 'abc' },
    { ...smallest, provider: 'gitlab', repoOwner: 'group/subgroup', mode: 'deno', entry: 'src/app.tsx' },
    { ...smallest, storageEnabled: true, storageLimitMb: 1, healthPath: null },
  ],
  invalid: [
    ['/provider', { ...smallest, provider: 'sourceforge' }],
    ['/baseUrl', { ...smallest, provider: 'gitea' }],
    ['/baseUrl', { ...smallest, baseUrl: 'file:///etc' }],
    ['/baseUrl', { ...smallest, baseUrl: 'https://user:word@git.example.org' }],
    ['/repoOwner', { provider: 'github', repoName: 'site' }],
    ['/repoOwner', { ...smallest, repoOwner: 'a/b' }],
    ['/repoOwner', { ...smallest, repoOwner: { $gt: '' } }],
    ['/repoName', { ...smallest, repoName: '..' }],
    ['/repoName', { ...smallest, repoName: 'a b;$(id)' }],
    ['/branch', { ...smallest, branch: '-x' }],
    ['/branch', { ...smallest, branch: 'a..b' }],
    ...['../../x', '/etc', 'a/../../b', '%2e%2e', 'a\0b', './a', 'a//b', 'a\\b'].map(
      (folderPath) => ['/folderPath', { ...smallest, folderPath }] as const,
    ),
    ['/accessToken', { ...smallest, accessToken: 'two\r\nlines' }],
    ['/accessToken', { ...smallest, accessToken: '' }],
    ['/mode', { ...smallest, mode: 'php' }],
    ['/entry', { ...smallest, entry: '../main.ts' }],
    ['/entry', { ...smallest, entry: '--allow-all.ts' }],
    ['/storageLimitMb', { ...smallest, storageLimitMb: 0 }],
  ],
  artifacts: [artifactOf('a'), artifactOf('b')],
  async open({ dockerHost, client }) {
    const repository = await createRepository();
    const git = await startGitHost({ provider: 'gitea', owner: 'acme', name: 'site', repository });
    const baseImages = await ensureBaseImages(dockerHost);
    await client.send('PATCH', '/settings', { baseImages, allowedProviderHosts: git.hosts });
    const server = { provider: 'gitea', baseUrl: git.baseUrl, repoOwner: 'acme', repoName: 'site' };
    return {
      printsSecret: true,
      config: { ...server, mode: 'deno', drainSeconds: 0 },
      async publish(version, quality) {
        const says = `console.log('the program has ' + Deno.env.get('${SECRET_NAME}'));`;
        const serves = `Deno.serve({ onListen() {} }, () => new Response('${version}'));`;
        const main = `${says}\n${quality === 'good' ? serves : `throw new Error('broken');`}\n`;
        return { sha: await repository.commit({ 'main.ts': main }) };
      },
      async close() {
        await git.stop();
        await repository.clear();
      },
    };
  },
};
