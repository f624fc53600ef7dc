import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  Allow,
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { PRIVATE_RANGES } from '#domain/cidr';
import type { Exposure, TlsMode } from '#domain/face';
import { isMasked, MASKED } from '../records/masked.js';

const EXPOSURES = ['public', 'internal'] as const;
const TLS_MODES = ['off', 'auto', 'custom'] as const;
const isPlain = (_: object, value: unknown) => value !== undefined && value !== null && !isMasked(value);
const KEPT = 'Never comes back; as it was read, or left out, it keeps its value';

export class BasicAuthInput {
  @ApiProperty({ type: String, example: 'ann', description: 'Letters, digits and . _ @ + -' })
  @IsString()
  @MaxLength(64)
  user: string;

  @ApiPropertyOptional({ type: String, description: `At most 72 bytes. ${KEPT}` })
  @ValidateIf(isPlain)
  @IsString()
  @MinLength(1)
  @MaxLength(72)
  password?: unknown;
}

export class CertificateInput {
  @ApiProperty({ type: String, description: 'PEM, that of the host first' })
  @IsString()
  @MaxLength(65_536)
  chain: string;

  @ApiPropertyOptional({ type: String, description: `PEM, without a passphrase. ${KEPT}` })
  @ValidateIf(isPlain)
  @IsString()
  @MinLength(1)
  @MaxLength(16_384)
  key?: unknown;
}

export class FaceInput {
  @ApiPropertyOptional({ type: String, nullable: true, example: 'shop.example.org', description: 'Or `subdomain`' })
  @IsOptional()
  @IsString()
  @MaxLength(253)
  host?: string | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    example: 'shop',
    description: 'Completed by the domain of the settings, and follows it',
  })
  @IsOptional()
  @IsString()
  @MaxLength(253)
  subdomain?: string | null;

  @ApiPropertyOptional({ type: String, default: '/' })
  @IsOptional()
  @IsString()
  @MaxLength(1024)
  path: string = '/';

  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    minimum: 1,
    maximum: 65_535,
    default: null,
    description: 'Container port; null = the source’s own',
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(65_535)
  port: number | null = null;

  @ApiPropertyOptional({ enum: EXPOSURES, default: 'public' })
  @IsOptional()
  @IsIn(EXPOSURES)
  exposure?: Exposure | null;

  @ApiPropertyOptional({
    type: [String],
    nullable: true,
    example: ['10.0.0.0/8'],
    description: `Who may come in to an internal face; left out: ${PRIVATE_RANGES.join(', ')}`,
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(64, { each: true })
  allow?: string[] | null;

  @ApiPropertyOptional({ type: BasicAuthInput, nullable: true })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => BasicAuthInput)
  basicAuth?: BasicAuthInput | null;

  @ApiPropertyOptional({ enum: TLS_MODES, default: 'off' })
  @IsOptional()
  @IsIn(TLS_MODES)
  tls?: TlsMode | null;

  @ApiPropertyOptional({ type: CertificateInput, nullable: true, description: 'With `tls: custom`' })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => CertificateInput)
  certificate?: CertificateInput | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'As it was read; nothing comes of it' })
  @Allow()
  url?: unknown;

  @ApiPropertyOptional({ type: Object, nullable: true, description: 'As it was read; nothing comes of it' })
  @Allow()
  seenCertificate?: unknown;
}

class BasicAuthView {
  @ApiProperty({ example: 'ann' }) user: string;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true, example: MASKED }) password:
    typeof MASKED | null;
}

class CertificateView {
  @ApiProperty({ description: 'PEM' }) chain: string;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true, example: MASKED }) key:
    typeof MASKED | null;
}

export class FaceView {
  @ApiProperty({ example: 'shop.example.org' }) host: string;
  @ApiProperty({ type: String, nullable: true }) subdomain: string | null;
  @ApiProperty({ example: '/' }) path: string;
  @ApiProperty({ type: Number, nullable: true }) port: number | null;
  @ApiProperty({ enum: EXPOSURES }) exposure: Exposure;
  @ApiProperty({ type: [String], nullable: true, description: 'null = the private ranges, where internal' }) allow:
    readonly string[] | null;
  @ApiProperty({ type: BasicAuthView, nullable: true }) basicAuth: BasicAuthView | null;
  @ApiProperty({ enum: TLS_MODES }) tls: TlsMode;
  @ApiProperty({ type: CertificateView, nullable: true }) certificate: CertificateView | null;
}

/** What the proxy showed for the host when it was asked last. */
export class SeenCertificate {
  @ApiProperty({ type: String, nullable: true, example: "Let's Encrypt" }) issuer: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) expiresAt: Date | null;
  @ApiProperty({ type: String, nullable: true, description: 'Why it shows none' }) error: string | null;
  @ApiProperty({ type: String, format: 'date-time' }) seenAt: Date;
}

export class FaceAnswer extends FaceView {
  @ApiProperty({ type: SeenCertificate, nullable: true, description: 'null = without TLS, or not seen yet' })
  seenCertificate: SeenCertificate | null;

  @ApiProperty({
    type: String,
    nullable: true,
    example: 'http://shop.example.org:8780/',
    description: 'null = not known yet: no proxy has told its port, or without a proxy nothing serves yet',
  })
  url: string | null;
}
