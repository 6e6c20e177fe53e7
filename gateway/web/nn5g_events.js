/**
 * The event channel of one session: a WebSocket that carries JSON messages from the gateway.
 * Opens again after a loss, a few times: the session lives on without it. nn5g.js is the only
 * user.
 */

import { sleep } from './nn5g_http.js';

const FAILURES_MAX = 5; // in a row
const PAUSE_MS = 500; // doubled with each failure

export class EventChannel {
  #url;
  #onMessage;
  #failures = 0;
  #closed = new AbortController();

  /**
   * @param {string} url ws: or wss:
   * @param {(message: any) => void} onMessage Given objects only; other messages are dropped.
   */
  constructor(url, onMessage) {
    this.#url = url;
    this.#onMessage = onMessage;
    this.#open();
  }

  close() {
    this.#closed.abort();
  }

  #open() {
    const { signal } = this.#closed;
    const socket = new WebSocket(this.#url);
    const end = () => socket.close();
    signal.addEventListener('abort', end);
    socket.addEventListener('open', () => {
      this.#failures = 0;
    });
    socket.addEventListener('message', ({ data }) => {
      if (!signal.aborted) this.#hear(data);
    });
    socket.addEventListener('close', () => {
      signal.removeEventListener('abort', end);
      this.#reopen().catch(() => {}); // closed while it waited
    });
  }

  async #reopen() {
    this.#failures += 1;
    if (this.#failures > FAILURES_MAX) return;
    await sleep(PAUSE_MS * 2 ** (this.#failures - 1), this.#closed.signal);
    this.#open();
  }

  /** @param {unknown} data */
  #hear(data) {
    let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      return;
    }
    if (message && typeof message === 'object') this.#onMessage(message);
  }
}
