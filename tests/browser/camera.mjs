// The film the fake camera shows. Chromium's own test picture compresses to 0.25 Mbit/s, so it
// would never show that the bitrate rises; this one, drifting grain, fills what the encoder is
// allowed at this size.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const WIDTH = 640;
export const HEIGHT = 360;
export const FRAMES_PER_SECOND = 20;
const FRAMES = 40; // then it begins again
const GRAIN_SIZE = 2; // pixels
const GRAIN_CONTRAST = 20; // either side of grey
const TILE = 1024; // a power of two, larger than the picture

/** A square of grain, the same in every run. */
function drawTile() {
  const tile = Buffer.alloc(TILE * TILE);
  let random = 1;
  for (let y = 0; y < TILE; y += GRAIN_SIZE) {
    for (let x = 0; x < TILE; x += GRAIN_SIZE) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      const luma = 128 - GRAIN_CONTRAST + ((random >>> 16) % (2 * GRAIN_CONTRAST + 1));
      for (let row = 0; row < GRAIN_SIZE; row++) {
        tile.fill(luma, (y + row) * TILE + x, (y + row) * TILE + x + GRAIN_SIZE);
      }
    }
  }
  return tile;
}

/** The tile seen through a window that drifts. */
function drawFrame(tile, index) {
  const frame = Buffer.alloc((WIDTH * HEIGHT * 3) / 2, 128);
  const left = (index * 5) % (TILE - WIDTH);
  const top = (index * 3) % (TILE - HEIGHT);
  for (let y = 0; y < HEIGHT; y++) {
    const from = (top + y) * TILE + left;
    tile.copy(frame, y * WIDTH, from, from + WIDTH);
  }
  return frame;
}

let path = '';

/** The film's path, as YUV4MPEG2; made at the first call, removed when the process ends. */
export function film() {
  if (path) return path;
  const folder = mkdtempSync(join(tmpdir(), 'nn5g-film-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const tile = drawTile();
  const parts = [`YUV4MPEG2 W${WIDTH} H${HEIGHT} F${FRAMES_PER_SECOND}:1 Ip A1:1 C420mpeg2\n`];
  for (let index = 0; index < FRAMES; index++) parts.push('FRAME\n', drawFrame(tile, index));
  path = join(folder, 'film.y4m');
  writeFileSync(path, Buffer.concat(parts.map((part) => Buffer.from(part))));
  return path;
}
