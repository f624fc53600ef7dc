import { ApiProperty } from '@nestjs/swagger';

export class EngineView {
  @ApiProperty({ example: '20.10.24' }) version: string;
  @ApiProperty({ example: 'linux' }) os: string;
  @ApiProperty({ example: 'amd64' }) arch: string;
}

export class ProcessView {
  @ApiProperty({ example: 'deploy-worker@forge-1-4711-a1b2c3' }) owner: string;
  @ApiProperty({ enum: ['deploy-worker', 'reconciler'] }) role: string;
  @ApiProperty({ example: '0.1.0', description: 'Of Tiny Forge' }) release: string;
  @ApiProperty({ description: 'Its Docker engine answers' }) engineAnswers: boolean;
  @ApiProperty({ description: 'It leads its node; always false for a worker' }) isLeader: boolean;
  @ApiProperty({ type: 'integer', description: 'Workloads in its hands' }) busy: number;
  @ApiProperty({ description: 'Nothing was heard of it for too long' }) isSilent: boolean;
  @ApiProperty({ type: String, format: 'date-time' }) startedAt: Date;
  @ApiProperty({ type: String, format: 'date-time' }) lastSeenAt: Date;
}

class WaitingView {
  @ApiProperty({ type: 'integer' }) running: number;
  @ApiProperty({ type: 'integer' }) waiting: number;
}

class DiskView {
  @ApiProperty({ type: 'integer' }) freeBytes: number;
  @ApiProperty({ type: 'integer' }) totalBytes: number;
}

export class NodeAnswer {
  @ApiProperty({ example: 'default' }) name: string;
  @ApiProperty({ description: 'Nothing was heard of any of its processes for 30 s, as shipped' }) isSilent: boolean;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Null = never' })
  lastSeenAt: Date | null;
  @ApiProperty({ description: 'A deploy worker is there' }) isServed: boolean;
  @ApiProperty({ type: String, nullable: true, description: 'The reconciler that keeps it; null = none at the moment' })
  leader: string | null;
  @ApiProperty({ type: EngineView, nullable: true }) engine: EngineView | null;
  @ApiProperty({ type: DiskView, nullable: true, description: 'Where the data folder is' }) disk: DiskView | null;
  @ApiProperty({ type: [ProcessView] }) processes: ProcessView[];
  @ApiProperty({ type: 'integer' }) workloads: number;
  @ApiProperty({ type: WaitingView }) deployments: WaitingView;
}
