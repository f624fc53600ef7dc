import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsInt, Max, Min } from 'class-validator';
import { Rule } from '../../rule.js';
import { cronProblem, jitterProblem, timezoneProblem } from './cron.js';

export const MISSED = ['skip', 'once', 'all'] as const;
export const OVERLAPS = ['skip', 'queue', 'replace'] as const;

/** When it fires, and what becomes of a run that cannot be had in time. */
export class ScheduleTriggerConfig {
  @ApiProperty({
    type: String,
    default: '30 2 * * *',
    description: 'Minute hour day month weekday, or @daily and the like',
  })
  @Rule(cronProblem)
  cron: string = '30 2 * * *';

  @ApiProperty({ type: String, default: 'UTC', example: 'Europe/Berlin', description: 'IANA zone; summer time counts' })
  @Rule(timezoneProblem)
  timezone: string = 'UTC';

  @ApiProperty({
    type: Number,
    minimum: 0,
    default: 0,
    description: 'Up to so many seconds later, the same for every run of a trigger: many do not start at once',
  })
  @IsInt()
  @Min(0)
  @Rule<ScheduleTriggerConfig>(jitterProblem)
  jitterSeconds: number = 0;

  @ApiProperty({
    enum: MISSED,
    default: 'once',
    description: 'After a time without a running platform: none of what was missed, the latest, or all (ten at most)',
  })
  @IsIn(MISSED)
  missed: (typeof MISSED)[number] = 'once';

  @ApiProperty({ type: Number, minimum: 0, default: 3600, description: 'A missed run older than this never starts' })
  @IsInt()
  @Min(0)
  @Max(604_800)
  deadlineSeconds: number = 3600;

  @ApiProperty({
    enum: OVERLAPS,
    default: 'skip',
    description: 'While a deployment of the workload is under way: no new one, one after it, or one in its place',
  })
  @IsIn(OVERLAPS)
  overlap: (typeof OVERLAPS)[number] = 'skip';
}
