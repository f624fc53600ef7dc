import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';
import type { Wish } from '#plugins/inbound';

/** Nothing named = the newest tracked. */
export class WishInput {
  @ApiPropertyOptional({ type: String, example: '1.4.2' })
  @IsOptional()
  @Matches(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, { message: 'must be a tag: letters, digits, _ . -' })
  tag?: string;

  @ApiPropertyOptional({ type: String, example: 'sha256:…' })
  @IsOptional()
  @Matches(/^sha256:[0-9a-f]{64}$/, { message: 'must be sha256: and 64 hexadecimal digits' })
  digest?: string;

  @ApiPropertyOptional({ type: String, example: 'refs/heads/main' })
  @IsOptional()
  @Matches(/^(?!-)(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/+-]{0,254}$/, { message: 'must be a branch, a tag or a full ref' })
  ref?: string;

  @ApiPropertyOptional({ type: String })
  @IsOptional()
  @Matches(/^[0-9a-f]{40}([0-9a-f]{24})?$/, { message: 'must be a whole commit id in lower-case hex' })
  sha?: string;
}

export function wishOf({ tag, digest, ref, sha, force }: WishInput & { force?: boolean }): Wish {
  const hasImage = tag !== undefined || digest !== undefined;
  const hasGit = ref !== undefined || sha !== undefined;
  return {
    ...(hasImage && { image: { tag, digest } }),
    ...(hasGit && { git: gitWish(ref, sha) }),
    ...(force && { force }),
  };
}

/** A short name is a branch; `refs/tags/…` is a tag. */
function gitWish(ref: string | undefined, sha: string | undefined): Wish['git'] {
  const tag = /^refs\/tags\/(.+)$/.exec(ref ?? '')?.[1];
  const branch = tag === undefined ? ref?.replace(/^refs\/heads\//, '') : undefined;
  return { ref, sha, tag, branch };
}
