// What this browser made, kept in IndexedDB: pieces (piece.js) by number, the newest highest. Nothing of it goes anywhere.
//
// The files lie in a store of their own, under the same numbers, so that the list need not read them.

const DATABASE = "musicgen";
const [PIECES, FILES] = ["pieces", "files"];

/**
 * Keeps a piece. Where the browser's room is used up, the oldest ones go first.
 * @returns {Promise<number>} how many had to go
 * @throws {DOMException} QuotaExceededError if it finds no room even alone; others if there is no storage
 */
export async function keep(piece) {
  const files = piece.takes.map(({ file }) => file);
  const about = { ...piece, takes: piece.takes.map(({ file, ...take }) => take) };
  for (let removed = 0; ; removed += 1) {
    try {
      await run("readwrite", (store) => {
        store(PIECES).add(about).onsuccess = ({ target }) => store(FILES).add(files, target.result);
      });
      return removed;
    } catch (error) {
      const [oldest] = error.name === "QuotaExceededError" ? await run("readonly", keys) : [];
      if (oldest === undefined) throw error;
      await remove(oldest);
      await navigator.storage?.estimate(); // Chromium counts its room again when it is asked, and not before.
    }
  }
}

const keys = (store) => store(PIECES).getAllKeys();

/** Every piece without its files, with its number in `id`, the newest first. */
export async function list() {
  const [ids, pieces] = await Promise.all([run("readonly", keys), run("readonly", (store) => store(PIECES).getAll())]);
  return pieces.map((piece, index) => ({ ...piece, id: ids[index] })).reverse();
}

/** A piece of the list with its files. */
export async function load({ id, ...piece }) {
  const files = await run("readonly", (store) => store(FILES).get(id));
  return { ...piece, takes: piece.takes.map((take, index) => ({ ...take, file: files[index] })) };
}

/** Forgets one piece. */
export function remove(id) {
  return run("readwrite", (store) => [PIECES, FILES].forEach((name) => store(name).delete(id)));
}

/** Forgets all. */
export function clear() {
  return run("readwrite", (store) => [PIECES, FILES].forEach((name) => store(name).clear()));
}

/** One transaction; resolves with the result of the request that `ask` returns, if any, once all is on the disk. */
async function run(mode, ask) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction([PIECES, FILES], mode, { durability: "strict" });
      const asked = ask((name) => transaction.objectStore(name));
      transaction.oncomplete = () => resolve(asked?.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

function open() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(PIECES, { autoIncrement: true });
      opening.result.createObjectStore(FILES);
    };
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}
