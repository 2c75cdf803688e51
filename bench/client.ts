import { Agent, request } from 'node:http';

const agent = new Agent({ keepAlive: true });

export interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/**
 * Asks on a kept connection and reads the answer whole.
 * Of a body of 220 kB that `fetch` sends 54 times a second its process makes so much garbage that its collector takes both
 * cores for 5 ms at a time, and with them the server's that is measured.
 * @returns the status
 */
export function ask(url: string, { method = 'GET', headers = {}, body }: Question = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = body && { 'content-length': body.length };
    const call = request(url, { method, agent, headers: { ...headers, ...length } }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode ?? 0));
      answer.once('error', reject);
    });
    call.once('error', reject);
    call.end(body);
  });
}
