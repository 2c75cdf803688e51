const SECTOR_BYTES = 512;

/** A sector as the platter has it; null: it lay behind the end of the file. */
type Before = Buffer | null;

/** Bytes of one file: as running programs see them, and what a power cut leaves of them. */
export class Content {
  #buffer = Buffer.alloc(0);
  #length = 0;
  #safeLength = 0;
  /** Sectors written since the last sync, as they are on the platter. */
  readonly #dirty = new Map<number, Before>();
  /** Sectors that a failed sync dropped: programs see them, no later sync writes them, only a new write does. */
  readonly #dropped = new Map<number, Before>();

  get live(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  write(bytes: Buffer, position: number): void {
    const end = position + bytes.length;
    if (bytes.length === 0) return;
    this.#remember(Math.min(position, this.#length), end);
    this.#resize(Math.max(end, this.#length));
    bytes.copy(this.#buffer, position);
  }

  truncate(bytes: number): void {
    if (bytes < this.#length) this.#remember(bytes, this.#length);
    this.#resize(bytes);
  }

  sync(): void {
    this.#dirty.clear();
    this.#safeLength = this.#length;
  }

  /** What Linux does when a sync fails: the pages stay readable and count as clean, on the platter or not. */
  failSync(random: () => number): void {
    for (const [sector, before] of this.#dirty) if (random() < 0.5) this.#dropped.set(sector, before);
    this.#dirty.clear();
    this.#safeLength = this.#length;
  }

  /** What is found after a power cut: the synced bytes, and of what was written since any sectors and any length. */
  afterCut(random: () => number): Content {
    const found = new Content();
    const length = this.#lengthAfterCut(random);
    found.#resize(Math.max(length, this.#length));
    this.live.copy(found.#buffer);
    const kept = random() < 0.25 ? Math.floor(random() * 2) : random();
    for (const [sector, before] of this.#dirty) if (random() >= kept) found.#place(sector, before);
    for (const [sector, before] of this.#dropped) found.#place(sector, before);
    found.#resize(length);
    found.sync();
    return found;
  }

  copy(): Content {
    const copy = new Content();
    copy.write(this.live, 0);
    copy.sync();
    return copy;
  }

  /** File systems write the length by itself: before the data (a tail of zeros), after it, or half of the way. */
  #lengthAfterCut(random: () => number): number {
    const choice = random();
    if (this.#length === this.#safeLength || choice < 0.4) return this.#length;
    if (choice < 0.7 || this.#length < this.#safeLength) return this.#safeLength;
    const sectors = Math.ceil((this.#length - this.#safeLength) / SECTOR_BYTES);
    return Math.min(this.#length, this.#safeLength + Math.floor(random() * sectors) * SECTOR_BYTES);
  }

  #place(sector: number, before: Before): void {
    const from = sector * SECTOR_BYTES;
    if (from >= this.#length) return;
    const to = Math.min(from + SECTOR_BYTES, this.#length);
    this.#buffer.fill(0, from, to);
    before?.copy(this.#buffer, from, 0, to - from);
  }

  #remember(from: number, to: number): void {
    for (let sector = Math.floor(from / SECTOR_BYTES); sector * SECTOR_BYTES < to; sector += 1) {
      if (this.#dirty.has(sector)) continue;
      const begin = sector * SECTOR_BYTES;
      const dropped = this.#dropped.get(sector);
      this.#dropped.delete(sector);
      const seen = begin < this.#length ? Buffer.from(this.live.subarray(begin, begin + SECTOR_BYTES)) : null;
      this.#dirty.set(sector, dropped === undefined ? seen : dropped);
    }
  }

  #resize(bytes: number): void {
    if (bytes > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(bytes, this.#buffer.length * 2, 2_048));
      this.live.copy(larger);
      this.#buffer = larger;
    }
    // Bytes behind the end are zeros whenever the file grows over them again.
    if (bytes < this.#length) this.#buffer.fill(0, bytes, this.#length);
    this.#length = bytes;
  }
}
