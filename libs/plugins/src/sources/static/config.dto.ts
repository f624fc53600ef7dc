import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsOptional, Matches, Max, MaxLength, Min } from 'class-validator';
import type { SecretRef } from '#domain/secret-ref';
import { GIT_PROVIDERS } from '../../git-providers/git-providers.js';
import { Rule } from '../../rule.js';
import { Secret } from '../../secret.js';
import {
  baseUrlProblem,
  branchProblem,
  entryProblem,
  folderProblem,
  nameProblem,
  ownerProblem,
} from './config-rules.js';

const KINDS = GIT_PROVIDERS.map(({ kind }) => kind);

export class StaticConfig {
  @ApiProperty({ enum: KINDS, description: 'Kind of Git server that the files are fetched from.' })
  @IsIn(KINDS)
  provider: string;

  @ApiProperty({
    type: String,
    nullable: true,
    default: null,
    maxLength: 2048,
    example: 'https://git.example.org',
    description: "Of its web pages; null = the provider's own service, where it has one.",
  })
  @Rule<StaticConfig>((value, { provider }) => baseUrlProblem(value, provider))
  baseUrl: string | null = null;

  @ApiProperty({ type: String, maxLength: 255, example: 'acme', description: 'User, organisation or GitLab group.' })
  @Rule<StaticConfig>((value, { provider }) => ownerProblem(value, provider))
  repoOwner: string;

  @ApiProperty({ type: String, maxLength: 100, example: 'site' })
  @Rule(nameProblem)
  repoName: string;

  @ApiProperty({ type: String, default: 'main', maxLength: 255 })
  @Rule(branchProblem)
  branch: string = 'main';

  @ApiProperty({
    type: String,
    default: '',
    maxLength: 1024,
    example: 'public',
    description: 'Folder of the repository that is the site; empty = all of it.',
  })
  @Rule(folderProblem)
  folderPath: string = '';

  @ApiProperty({
    type: String,
    nullable: true,
    default: null,
    format: 'password',
    description: 'Reads the repository; needed where it is private. Never shown again.',
  })
  @IsOptional()
  @Secret({ sentBy: ['provider', 'baseUrl'] })
  accessToken: string | SecretRef | null = null;

  @ApiProperty({ enum: ['static', 'deno'], default: 'static', description: 'static = files; deno = a Deno program.' })
  @IsIn(['static', 'deno'])
  mode: 'static' | 'deno' = 'static';

  @ApiProperty({
    type: String,
    nullable: true,
    default: null,
    maxLength: 1024,
    example: 'src/main.ts',
    description: 'Of a Deno program, below folderPath; null = main.ts, mod.ts or server.ts.',
  })
  @IsOptional()
  @Rule(entryProblem)
  entry: string | null = null;

  @ApiProperty({ type: Boolean, default: false, description: 'Markdown files become pages of their own.' })
  @IsBoolean()
  renderMarkdown: boolean = false;

  @ApiProperty({ type: Boolean, default: false, description: 'A page that is not there is answered by /index.html.' })
  @IsBoolean()
  spaFallback: boolean = false;

  @ApiProperty({ type: Boolean, default: false, description: 'A volume at /data that outlives deployments.' })
  @IsBoolean()
  storageEnabled: boolean = false;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    maximum: 1_048_576,
    default: 1024,
    description: 'MiB in the volume; once there is more, the next deployment may only read it.',
  })
  @IsInt()
  @Min(1)
  @Max(1_048_576)
  storageLimitMb: number = 1024;

  @ApiProperty({
    type: String,
    nullable: true,
    default: '/',
    maxLength: 2048,
    description: 'Of a Deno program: asked by GET, 2xx is healthy. Null: running 10 s is enough.',
  })
  @IsOptional()
  @MaxLength(2048)
  @Matches(/^\/[\x21-\x7e]*$/, { message: 'healthPath must start with "/" and hold URL characters only' })
  healthPath: string | null = '/';

  @ApiProperty({
    type: 'integer',
    minimum: 0,
    maximum: 3600,
    default: 10,
    description: 'The old container finishes its requests for so long after the switch.',
  })
  @IsInt()
  @Min(0)
  @Max(3600)
  drainSeconds: number = 10;
}

/** Complete: what is left out takes the value shown. */
export const sample: StaticConfig = {
  provider: 'gitea',
  baseUrl: 'https://git.example.org',
  repoOwner: 'acme',
  repoName: 'site',
  branch: 'main',
  folderPath: '',
  accessToken: null,
  mode: 'static',
  entry: null,
  renderMarkdown: false,
  spaFallback: false,
  storageEnabled: false,
  storageLimitMb: 1024,
  healthPath: '/',
  drainSeconds: 10,
};
