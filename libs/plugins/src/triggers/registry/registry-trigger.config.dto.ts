import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsOptional,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { Rule } from '../../rule.js';
import { extractProblem, imageProblem, patternsProblem, rangeProblem, suffixProblem, tagProblem } from './rules.js';

export const POLICIES = ['exact', 'digest', 'semver', 'numeric', 'lexical', 'newest'] as const;
export type Policy = (typeof POLICIES)[number];

/** Which pushed tags count, and which of two is the newer. */
export class RegistrySelect {
  @ApiProperty({
    enum: POLICIES,
    description:
      'exact and digest follow one tag; semver, numeric and lexical order tags; newest orders by the time of the build',
  })
  @IsIn(POLICIES)
  policy: Policy = 'semver';

  @ApiProperty({ type: String, nullable: true, default: null, description: 'The one tag of exact and digest' })
  @Rule<RegistrySelect>((value, select) => tagProblem(value, select.policy))
  tag: string | null = null;

  @ApiProperty({ type: String, nullable: true, default: null, description: 'Semver range, such as >=1.0.0 <2.0.0' })
  @Rule<RegistrySelect>((value, select) => rangeProblem(value, select.policy))
  range: string | null = null;

  @ApiProperty({ type: Boolean, default: false, description: 'Whether pre-releases count wherever the range has room' })
  @IsBoolean()
  prerelease: boolean = false;

  @ApiProperty({ type: String, nullable: true, default: null, description: 'Tags have to end in - and this: alpine' })
  @Rule(suffixProblem)
  suffix: string | null = null;

  @ApiProperty({ type: [String], default: [], description: 'RE2 patterns; a tag has to match one' })
  @IsArray()
  @ArrayMaxSize(20)
  @Rule(patternsProblem)
  include: string[] = [];

  @ApiProperty({ type: [String], default: [], description: 'RE2 patterns; a tag that matches one is out' })
  @IsArray()
  @ArrayMaxSize(20)
  @Rule(patternsProblem)
  exclude: string[] = [];

  @ApiProperty({
    type: String,
    nullable: true,
    default: null,
    description: 'What is compared, from the groups of the include pattern: $1, ${name}; null = the tag',
  })
  @Rule<RegistrySelect>((value, select) => extractProblem(value, select.include))
  extract: string | null = null;
}

/** Asking the registry, as the net under lost webhooks. */
export class RegistryPoll {
  @ApiProperty({ type: Number, minimum: 60, default: 300 })
  @IsInt()
  @Min(60)
  @Max(86_400)
  everySeconds: number = 300;

  @ApiProperty({ type: Number, minimum: 0, maximum: 0.5, default: 0.1, description: 'Share of the interval' })
  @IsNumber()
  @Min(0)
  @Max(0.5)
  jitter: number = 0.1;
}

/** Left out wholly, `select` is any 1.x release; a `select` of one's own names what its policy needs. */
export class RegistryTriggerConfig {
  @ApiProperty({ type: String, nullable: true, default: null, description: "Without tag; null = the workload's own" })
  @Rule(imageProblem)
  image: string | null = null;

  @ApiProperty({ type: RegistrySelect })
  @ValidateNested()
  @Type(() => RegistrySelect)
  @Rule((value) => (value !== null && isPlain(value) ? null : 'must be a JSON object'))
  select: RegistrySelect = Object.assign(new RegistrySelect(), { range: '>=1.0.0 <2.0.0' });

  @ApiProperty({
    enum: ['tag', 'digest', 'both'],
    default: 'tag',
    description:
      'tag: a newer tag; digest: the accepted tag with another digest; both. exact and digest follow their tag',
  })
  @IsIn(['tag', 'digest', 'both'])
  track: 'tag' | 'digest' | 'both' = 'tag';

  @ApiProperty({ type: RegistryPoll, nullable: true, default: null })
  @IsOptional()
  @ValidateNested()
  @Type(() => RegistryPoll)
  @Rule<RegistryTriggerConfig>((value, { select }) => pollProblem(value, select))
  poll: RegistryPoll | null = null;

  @ApiProperty({ enum: ['forbid', 'allow'], default: 'forbid', description: 'Whether an older version may deploy' })
  @IsIn(['forbid', 'allow'])
  downgrade: 'forbid' | 'allow' = 'forbid';

  @ApiProperty({ type: Number, minimum: 0, default: 0, description: 'Seconds since the build before an image counts' })
  @IsInt()
  @Min(0)
  @Max(2_592_000)
  minAgeSeconds: number = 0;

  @ApiProperty({ type: String, nullable: true, default: null, description: 'os/arch[/variant], such as linux/amd64' })
  @IsOptional()
  @Matches(/^[a-z0-9]+\/[a-z0-9]+(?:\/[a-z0-9]+)?$/, { message: 'must be os/arch, such as linux/amd64' })
  platform: string | null = null;
}

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && !Array.isArray(value);
}

/** A list of tags does not say when each was built, and asking for every one of them is what registries limit. */
function pollProblem(value: unknown, select: RegistrySelect): string | null {
  if (!isPlain(value)) return 'must be a JSON object or null';
  const isNewest = value !== null && value !== undefined && select?.policy === 'newest';
  return isNewest ? 'cannot be used with policy newest: tags are polled by their names' : null;
}
