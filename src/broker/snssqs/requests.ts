/** What AWS takes in one request, and how many requests are worth having under way. */

/** Entries in one request: sends, deletes and changes of visibility alike. */
export const ENTRIES_MAX = 10;
/** Requests of one kind under way: 8 of 10 entries at 20 ms each are 4,000 entries a second. */
const REQUESTS_MAX = 8;

/** Gives the items to `act` in groups as large as a request takes, several groups at once. Rejects with the first failure. */
export async function inRequests<Item>(
  items: readonly Item[],
  act: (group: readonly Item[]) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const group = items.slice(next, next + ENTRIES_MAX);
      next += ENTRIES_MAX;
      await act(group);
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_MAX }, worker));
}
