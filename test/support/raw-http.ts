import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends bytes as they are and reads until the server closes or one whole answer is there; for what no client would send. */
export function rawRequest(url: string, bytes: string | Buffer): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let text = '';
    const end = () => {
      socket.destroy();
      resolve(parseAnswer(text));
    };
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (isWhole(text)) end();
    });
    socket.on('end', end);
    socket.on('error', reject);
  });
}

function isWhole(text: string): boolean {
  const gap = text.indexOf('\r\n\r\n');
  if (gap < 0) return false;
  const length = /^content-length: (\d+)/im.exec(text.slice(0, gap))?.[1];
  return length !== undefined && text.length >= gap + 4 + Number(length);
}

function parseAnswer(text: string): RawAnswer {
  const gap = text.indexOf('\r\n\r\n');
  const head = gap < 0 ? text : text.slice(0, gap);
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body: gap < 0 ? '' : text.slice(gap + 4) };
}
