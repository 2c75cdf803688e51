/** Bounds of one publish request, which are the service's. */
export interface RequestBounds {
  readonly messagesMax: number;
  readonly bytesMax: number;
}

interface Waiting<Item> {
  readonly item: Item;
  readonly bytes: number;
  readonly settle: (error: unknown) => void;
}

/** What has one ordering key. */
interface Lane<Item> {
  readonly key: string;
  readonly waiting: Waiting<Item>[];
  underWay: number;
  scheduled: boolean;
}

/** Requests under way at once where order does not matter: what comes meanwhile gathers, and goes out together. */
const UNDER_WAY_MAX = 4;

export interface PublisherOptions<Item> extends RequestBounds {
  /** One request. @throws when none of it is published */
  send(items: readonly Item[]): Promise<void>;
}

/**
 * Puts what is published at the same time into one request, and waits for nobody: an item that comes alone goes out in
 * the same turn. Items of one ordering key go one request after the other, for the service keeps the order of requests.
 */
export class Publisher<Item> {
  readonly #options: PublisherOptions<Item>;
  readonly #lanes = new Map<string, Lane<Item>>();

  constructor(options: PublisherOptions<Item>) {
    this.#options = options;
  }

  /** Resolves when the service has confirmed it. `key` is the ordering key, '' for none. */
  add(item: Item, bytes: number, key: string): Promise<void> {
    const lane = this.#laneOf(key);
    return new Promise((resolve, reject) => {
      const settle = (error: unknown) => (error === null ? resolve() : reject(error));
      lane.waiting.push({ item, bytes, settle });
      if (lane.scheduled) return;
      lane.scheduled = true;
      setImmediate(() => {
        lane.scheduled = false;
        this.#flush(lane);
      });
    });
  }

  #laneOf(key: string): Lane<Item> {
    const lane = this.#lanes.get(key) ?? { key, waiting: [], underWay: 0, scheduled: false };
    this.#lanes.set(key, lane);
    return lane;
  }

  #flush(lane: Lane<Item>): void {
    const most = lane.key === '' ? UNDER_WAY_MAX : 1;
    while (lane.waiting.length > 0 && lane.underWay < most) void this.#send(lane, this.#request(lane.waiting));
  }

  /** As much as one request takes; at least one item. */
  #request(waiting: Waiting<Item>[]): Waiting<Item>[] {
    const { messagesMax, bytesMax } = this.#options;
    let [count, bytes] = [0, 0];
    for (const each of waiting) {
      bytes += each.bytes;
      if (count === messagesMax || (count > 0 && bytes > bytesMax)) break;
      count += 1;
    }
    return waiting.splice(0, count);
  }

  async #send(lane: Lane<Item>, request: readonly Waiting<Item>[]): Promise<void> {
    lane.underWay += 1;
    let failure: unknown = null;
    try {
      await this.#options.send(request.map(({ item }) => item));
    } catch (error) {
      failure = error;
    }
    lane.underWay -= 1;
    for (const { settle } of request) settle(failure);
    this.#flush(lane);
  }
}
