import { connect, type Socket } from 'node:net';

const ANSWER_MS = 2_000;
const PROTOCOL_3 = 196_608;

/** True when the server at this socket lets the user in with this password. Errors count as no. */
export function canLogIn(socketPath: string, user: string, password: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const settle = (isIn: boolean) => {
      socket.destroy();
      resolve(isIn);
    };
    socket.setTimeout(ANSWER_MS, () => settle(false));
    socket.on('error', () => settle(false));
    socket.on('close', () => settle(false));
    socket.on('connect', () => socket.write(startup(user)));
    readMessages(socket, (type, body) => {
      // 'R' with 3 asks for the password, with 0 says welcome; anything else, an error ('E') among it, is a no.
      const request = type === 'R' ? body.readInt32BE(0) : -1;
      if (request === 3) socket.write(message('p', Buffer.from(`${password}\0`)));
      else settle(request === 0);
    });
  });
}

function startup(user: string): Buffer {
  const body = Buffer.from(`user\0${user}\0database\0postgres\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  head.writeInt32BE(PROTOCOL_3, 4);
  return Buffer.concat([head, body]);
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function readMessages(socket: Socket, onMessage: (type: string, body: Buffer) => void): void {
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 5 && pending.length >= 1 + pending.readInt32BE(1)) {
      const end = 1 + pending.readInt32BE(1);
      const [type, body] = [pending.toString('latin1', 0, 1), pending.subarray(5, end)];
      pending = pending.subarray(end);
      onMessage(type, body);
    }
  });
}
