import { ApiProperty } from '@nestjs/swagger';
import { IsInt } from 'class-validator';
import { Rule } from '#plugins/rule';
import type { Trigger } from '#plugins/trigger';

/** Two fields that are good or bad only together. */
class WindowConfig {
  @ApiProperty({ type: 'integer' }) @IsInt() from: number = 0;

  @ApiProperty({ type: 'integer' })
  @IsInt()
  @Rule<WindowConfig>((value, { from }) => (Number(value) >= from ? null : 'must not lie before from'))
  to: number = 24;
}

export const window: Trigger = {
  kind: 'window',
  title: 'Window',
  config: WindowConfig,
  sample: new WindowConfig(),
  accepts: ['manual'],
  webhookByDefault: false,
  match: () => ({ verdict: 'filtered', code: 'closed', reason: 'the window is closed' }),
};
