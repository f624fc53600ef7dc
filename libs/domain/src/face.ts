import { Rejection, type FieldError } from './errors.js';

/** Where a workload answers: host + path at the proxy, and the container port behind it (null = the source's own). */
export interface Face {
  readonly host: string;
  readonly path: string;
  readonly port: number | null;
}

const HOST = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
const PATH = /^\/[A-Za-z0-9\-._~%!$&'()+,;=:@/]*$/;

/** Lower-case hosts, paths without a trailing slash; throws `invalid-face` naming each bad field. */
export function normaliseFaces(faces: readonly Face[]): readonly Face[] {
  const wanted = faces.map(({ host, path, port }) => ({ host: host.toLowerCase(), path: trimPath(path), port }));
  const errors = wanted.flatMap((face, index) => faceErrors(face, index));
  const keys = wanted.map((face) => face.host + face.path);
  keys.forEach((key, index) => {
    if (keys.indexOf(key) !== index) errors.push({ pointer: `/faces/${index}`, detail: `names ${key} a second time` });
  });
  if (errors.length > 0) throw new Rejection('invalid-face', 'A face is not valid.', errors);
  return wanted;
}

function faceErrors(face: Face, index: number): FieldError[] {
  const errors: FieldError[] = [];
  if (!HOST.test(face.host))
    errors.push({ pointer: `/faces/${index}/host`, detail: 'must be a host name such as shop.example.org' });
  if (!PATH.test(face.path) || face.path.includes('..')) {
    errors.push({ pointer: `/faces/${index}/path`, detail: 'must start with "/" and hold URL path characters only' });
  }
  return errors;
}

function trimPath(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}
