// The pictures of the next pairs: loaded and decoded before their turn, the nearest pair first.

import { pause } from "./server.js";

const TRIES = 4, LONGEST_MS = 60000;

/** A decoded image; rejects when it cannot be had. */
async function decoded(picture) {
  const image = new Image(picture.width, picture.height);
  image.alt = "";
  image.draggable = false;
  image.src = picture.src;
  const late = new Promise((_, fail) => setTimeout(fail, LONGEST_MS));
  await Promise.race([image.decode(), late]);
  return image;
}

export class Pictures {
  /** `upcoming()` gives the pairs to have ready, nearest first; `reachable()` whether the server answers at all. */
  constructor(upcoming, reachable) {
    this.upcoming = upcoming;
    this.reachable = reachable;
    this.loaded = new Map(); // pair id -> promise of its decoded pictures
  }

  /** Left, right and reference (or null) of a pair; rejects when one of them cannot be loaded. */
  of(pair) {
    if (!this.loaded.has(pair.id)) {
      const pictures = [pair.left, pair.right, pair.reference];
      this.loaded.set(pair.id, Promise.all(pictures.map((p) => p && this.one(p))));
    }
    return this.loaded.get(pair.id);
  }

  async one(picture) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await decoded(picture);
      } catch (error) {
        // Only a picture that fails while the server answers is at fault itself.
        if (tries >= TRIES && navigator.onLine && (await this.reachable())) throw error;
        if (tries >= TRIES || !navigator.onLine) tries = 0;
        await pause(tries || TRIES);
      }
    }
  }

  /** Load ahead, one pair after the other, and forget the pairs that are over. */
  async ahead() {
    const near = new Set(this.upcoming().map((pair) => pair.id));
    for (const id of this.loaded.keys()) if (!near.has(id)) this.loaded.delete(id);
    if (this.loading) return;
    this.loading = true;
    for (let pair; (pair = this.upcoming().find((p) => !this.loaded.has(p.id))); ) await this.of(pair).catch(() => {});
    this.loading = false;
  }
}
