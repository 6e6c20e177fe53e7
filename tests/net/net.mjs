// Two network namespaces joined by a veth pair (namespace.sh), and processes in them.

import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('namespace.sh', import.meta.url));

/** Waits until `condition` holds, at most `seconds`. */
export async function until(condition, what, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await pause(50);
  }
}

export class Net {
  #id;
  #children = new Set();

  constructor(id, queues = 1) {
    this.#id = `${process.pid}-${id}`;
    const text = execFileSync('bash', [SCRIPT, 'make', this.#id, String(queues)], { encoding: 'utf8' });
    for (const line of text.trim().split('\n')) {
      const [name, value] = line.split('=');
      this[name] = value;
    }
  }

  #argv(side, argv) {
    return ['netns', 'exec', this[side], ...argv];
  }

  /** Runs a command to its end. */
  run(side, ...argv) {
    return new Promise((resolve) => {
      execFile('ip', this.#argv(side, argv), { encoding: 'utf8', maxBuffer: 1 << 26 }, (error, out, err) =>
        resolve({ status: error ? error.code ?? error.signal : 0, out, err }));
    });
  }

  /** Starts a program whose output goes to `log`; it ends with the net. */
  start(side, log, ...argv) {
    const fd = openSync(log, 'w');
    const child = spawn('ip', this.#argv(side, argv), { stdio: ['ignore', fd, fd] });
    closeSync(fd);
    child.ended = once(child, 'exit');
    this.#children.add(child);
    return child;
  }

  /** Ends one of them with a signal; returns [status, signal]. */
  async end(child, signal = 'SIGTERM') {
    this.#children.delete(child);
    child.kill(signal);
    return child.ended;
  }

  hasXdp(side = 'node') {
    const text = execFileSync('ip', this.#argv(side, ['ip', '-details', 'link', 'show', 'dev', 'nic']),
      { encoding: 'utf8' });
    return text.includes('prog/xdp');
  }

  async remove() {
    for (const child of this.#children) await this.end(child, 'SIGKILL');
    execFileSync('bash', [SCRIPT, 'remove', this.#id]);
  }
}

/** The first JSON line of a log whose message is `message`, or undefined. */
export function logged(log, message) {
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    if (!line.includes(`"message":"${message}"`)) continue;
    return JSON.parse(line);
  }
  return undefined;
}
