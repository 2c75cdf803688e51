/** One thing that a promise rests on, taken out of the source. */
export interface Sabotage {
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

const LOG = 'src/broker/log';

export const SABOTAGES: readonly Sabotage[] = [
  {
    name: 'the fsync of a group commit removed',
    file: `${LOG}/tail.ts`,
    find: '    try {\n      await file.sync();\n    } catch (error) {\n',
    replace: '    try {\n    } catch (error) {\n',
  },
  {
    name: 'a small group written over zeros and not synced',
    file: `${LOG}/tail.ts`,
    find: "this.#path(), 'synced')",
    replace: "this.#path(), 'write')",
  },
  {
    name: 'acknowledged before it is durable',
    file: `${LOG}/writer.ts`,
    find: '    await tail.append(group);\n',
    replace: '    group.succeed(tail.course);\n    await tail.append(group);\n',
  },
  {
    name: 'shown to readers before it is durable',
    file: `${LOG}/tail.ts`,
    find: '    const isSmall = group.bytes <= SMALL_GROUP_BYTES;\n',
    replace:
      '    const isSmall = group.bytes <= SMALL_GROUP_BYTES;\n' +
      '    end.advance({ offset: group.first + group.messages.length - 1, segment: this.#state.header.first, byte: limit });\n',
  },
  {
    name: 'the log goes on after a failed sync',
    file: `${LOG}/writer.ts`,
    find: '    else this.#stop(error);\n',
    replace: '    else this.#refusal = null;\n',
  },
  {
    name: 'a full disk at fsync taken for one at write',
    file: `${LOG}/tail.ts`,
    find: "{ cause: error }), { code: 'EIO' });",
    replace: '{ cause: error }), { code: (error as NodeJS.ErrnoException).code });',
  },
  {
    name: 'the name of a new segment not made safe',
    file: `${LOG}/segment.ts`,
    find: '    await io.rename(draft, path);\n    await io.syncFolder(folder);\n',
    replace: '    await io.rename(draft, path);\n',
  },
  {
    name: 'a new segment named before its header is safe',
    file: `${LOG}/segment.ts`,
    find: '    await file.sync();\n    await io.rename(draft, path);\n',
    replace: '    await io.rename(draft, path);\n',
  },
  {
    name: 'the zeros left at the end of a sealed segment',
    file: `${LOG}/tail.ts`,
    find: '    await this.#closeSynced();\n    await this.cut();\n',
    replace: '    await this.#closeSynced();\n',
  },
  {
    name: 'the names not made safe at the start',
    file: `${LOG}/recovery.ts`,
    find: '  await io.syncFolder(folder);\n',
    replace: '',
  },
  {
    name: 'the torn end not cut at the start',
    file: `${LOG}/recovery.ts`,
    find: '    await file.truncate(byte);\n',
    replace: '',
  },
  {
    name: 'the last group not written again at the start',
    file: `${LOG}/recovery.ts`,
    find: '    await rewrite(file, groupByte, byte);\n',
    replace: '',
  },
  {
    name: 'the recovered end not synced at the start',
    file: `${LOG}/recovery.ts`,
    find: '    await rewrite(file, groupByte, byte);\n    await file.sync();\n',
    replace: '    await rewrite(file, groupByte, byte);\n',
  },
  {
    name: 'damage before a later group cut like a torn end',
    file: `${LOG}/recovery.ts`,
    find: '  if (later !== null) throw',
    replace: '  if (later !== null && end.offset < 0) throw',
  },
  {
    name: 'the CRC of records not checked',
    file: `${LOG}/record.ts`,
    find: '  if (buffer.readUInt32LE(at + AT.crc) !== checksum(buffer, at, bytes)) {\n',
    replace: '  if (bytes < 0) {\n',
  },
  {
    name: 'the CRC of segment headers not checked',
    file: `${LOG}/segment.ts`,
    find: '  if (whole.length < bytes || crc32(json, json.length) !== prefix.readUInt32LE(MAGIC.length + 4)) {\n',
    replace: '  if (whole.length < bytes) {\n',
  },
  {
    name: 'the term of a position not checked',
    file: `${LOG}/reader.ts`,
    find: '  if (shared === null || position.offset > shared) throw otherCourse(position.offset, shared);\n',
    replace: '',
  },
  {
    name: 'segments removed before the store has them safely',
    file: `${LOG}/retention.ts`,
    find: '    if (last > released || ',
    replace: '    if (',
  },
  {
    name: 'the position not written with the rows (portable part)',
    file: 'src/store/settle.ts',
    find: '      progress: [...this.#positions.values()],\n',
    replace: '      progress: [],\n',
  },
  {
    name: 'the position not written with the rows (DuckDB)',
    file: 'src/store/duckdb/unit-writer.ts',
    find: '      JSON.stringify(progressOf(next)),\n',
    replace: '      JSON.stringify(progressOf(head)),\n',
  },
  {
    name: 'ids of clients not remembered',
    file: 'src/store/settle.ts',
    find: '    if (this.#isRemembered(batch, id)) return false;\n',
    replace: '',
  },
  {
    name: 'what the store refuses dropped instead of kept as a dead letter',
    file: 'src/store/settle.ts',
    find: '    this.#add({ ...this.#letterOf(batch), ...reason, id, row, eventId, original: lineAt(batch.lines, line) });\n',
    replace: '    lineAt(batch.lines, line);\n',
  },
  {
    name: 'a read answered from before a write',
    file: 'src/store/duckdb/reader.ts',
    find: '      this.#writing = false;\n      this.#standing.renew();\n',
    replace: '      this.#writing = false;\n',
  },
  {
    name: 'acknowledged to the broker before it is in the store',
    file: 'src/loader/loader.ts',
    find: '        await this.#write(unit, signal);\n        units.written();\n        await subscription.ack(unit.deliveries);\n',
    replace:
      '        await subscription.ack(unit.deliveries);\n        await this.#write(unit, signal);\n        units.written();\n',
  },
];
