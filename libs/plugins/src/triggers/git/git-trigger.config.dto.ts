import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayNotEmpty, ArrayUnique, IsArray, IsBoolean, IsIn, ValidateNested } from 'class-validator';
import { Rule } from '../../rule.js';
import { branchesProblem, globsProblem, repoProblem, tagsProblem } from './rules.js';

export const PUSHES = ['push', 'tag'] as const;

/** Which changed files count; of a push that does not say what it changed, all do. */
export class GitPaths {
  @ApiProperty({ type: [String], default: [], description: 'Globs in order, ! takes out; [] = every path' })
  @IsArray()
  @ArrayMaxSize(50)
  @Rule(globsProblem)
  include: string[] = [];

  @ApiProperty({ type: [String], default: [], description: 'Globs; a push that changes nothing else is left out' })
  @IsArray()
  @ArrayMaxSize(50)
  @Rule(globsProblem)
  exclude: string[] = [];
}

/** With neither branches nor tags the default branch counts. */
export class GitTriggerConfig {
  @ApiProperty({
    type: String,
    nullable: true,
    default: null,
    description: "owner/name or an https address; null = the workload's own, and any where that has none",
  })
  @Rule(repoProblem)
  repo: string | null = null;

  @ApiProperty({ type: [String], default: [], description: 'Globs in order, ! takes out: main, release/**, !**/wip-*' })
  @IsArray()
  @ArrayMaxSize(50)
  @Rule(branchesProblem)
  branches: string[] = [];

  @ApiProperty({ type: [String], default: [], description: 'Globs in order, ! takes out; or semver:>=1.0.0 <2.0.0' })
  @IsArray()
  @ArrayMaxSize(50)
  @Rule(tagsProblem)
  tags: string[] = [];

  @ApiProperty({ type: GitPaths })
  @ValidateNested()
  @Type(() => GitPaths)
  @Rule((value) => (value !== null && isPlain(value) ? null : 'must be a JSON object'))
  paths: GitPaths = new GitPaths();

  @ApiProperty({
    type: Boolean,
    default: true,
    description: '[skip ci] and the like in the newest commit; not of tags',
  })
  @IsBoolean()
  skipMarkers: boolean = true;

  @ApiProperty({ enum: PUSHES, isArray: true, default: PUSHES, description: 'Pushes of branches, of tags, or both' })
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(PUSHES, { each: true })
  events: ('push' | 'tag')[] = [...PUSHES];
}

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && !Array.isArray(value);
}
