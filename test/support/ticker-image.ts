import type { ImageSpec } from './images.js';

/** Serves `/`, and over a WebSocket says "tick" five times a second, with nothing but busybox. */
export function tickerImage(): Omit<ImageSpec, 'tag'> {
  return {
    files: { '/answer.sh': ANSWER },
    cmd: ['nc', '-ll', '-p', '8080', '-e', 'sh', '/answer.sh'],
    expose: [8080],
  };
}

/** RFC 6455: the accept key is the SHA-1 of key and GUID in base64; frames of a server are not masked. */
const ANSWER = String.raw`key=
while IFS= read -r line; do
  line=$(printf %s "$line" | busybox tr -d '\r')
  [ -z "$line" ] && break
  case "$line" in [Ss]ec-[Ww]eb[Ss]ocket-[Kk]ey:*) key=\${line#*: } ;; esac
done
if [ -z "$key" ]; then
  printf 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine'
  exit 0
fi
hex=$(printf %s "$key"258EAFA5-E914-47DA-95CA-C5AB0DC85B11 | busybox sha1sum | busybox cut -c1-40 | busybox sed 's/../\\x&/g')
accept=$(printf "$hex" | busybox base64)
printf 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n' "$accept"
while printf '\201\004tick'; do usleep 200000; done
`.replaceAll('\\${', '${');
