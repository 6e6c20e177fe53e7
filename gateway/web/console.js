/**
 * The console: a publisher, any number of players, and the node, all through the SDK that
 * applications use.
 *
 * Tenant, stream and token come in the address's fragment, which is never sent to a server:
 * #tenant=demo&stream=live&token=... The token then moves to the tab's own storage, so that an
 * address copied from this page gives nobody access.
 */

import { Session } from './nn5g.js';
import { NodeView } from './node.js';
import { Panel } from './panel.js';
import { openPattern } from './pattern.js';

const TOKEN_KEY = 'nn5g.token';

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

/** @type {{ tenant: HTMLInputElement, stream: HTMLInputElement, token: HTMLInputElement }} */
const access = { tenant: byId('tenant'), stream: byId('stream'), token: byId('token') };
const choices = /** @type {HTMLFormElement} */ (byId('publish'));

function readFragment() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  access.tenant.value = fragment.get('tenant') ?? 'demo';
  access.stream.value = fragment.get('stream') ?? 'live';
  access.token.value = fragment.get('token') ?? sessionStorage.getItem(TOKEN_KEY) ?? '';
  keepFragment();
}

function keepFragment() {
  sessionStorage.setItem(TOKEN_KEY, access.token.value);
  const { tenant, stream } = access;
  const fragment = new URLSearchParams({ tenant: tenant.value, stream: stream.value });
  history.replaceState(null, '', `#${fragment}`);
  describeToken();
}

/** Says what the token itself says; only the gateway can say whether it holds. */
function describeToken() {
  const says = byId('token-says');
  const token = access.token.value.trim();
  try {
    const body = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const { tenant = '?', stream = '*', scope = 'nothing', exp } = JSON.parse(atob(body));
    const minutes = exp ? Math.round((exp - Date.now() / 1000) / 60) : null;
    const rest = minutes === null ? 'no expiry' : minutes > 0 ? `${minutes} min left` : 'expired';
    says.textContent = `${scope.split(' ').join(' and ')} · ${tenant} / ${stream} · ${rest}`;
    says.dataset.state = minutes !== null && minutes <= 0 ? 'bad' : '';
  } catch {
    says.textContent = token ? 'this is not a token' : 'a token is needed';
    says.dataset.state = 'bad';
  }
}

/** @returns {import('./nn5g.js').Options | null} null: something is missing; the form says so. */
function target() {
  if (!byId('access').reportValidity()) return null;
  return {
    base: location.origin,
    tenant: access.tenant.value,
    stream: access.stream.value,
    token: access.token.value.trim(),
  };
}

/**
 * Opens what the form asks for.
 * @param {FormData} form
 * @returns {Promise<{ media: MediaStream, stop: () => void }>}
 */
async function openSource(form) {
  const [width, height] = String(form.get('size')).split('x').map(Number);
  const sound = form.has('sound');
  const source = form.get('source');
  if (source === 'pattern') return openPattern({ width, height, sound });
  const video = { width, height, frameRate: 30 };
  const media =
    source === 'screen'
      ? await navigator.mediaDevices.getDisplayMedia({ video, audio: sound })
      : await navigator.mediaDevices.getUserMedia({
          video: source === 'camera' && video,
          audio: sound,
        });
  const stop = () => {
    for (const track of media.getTracks()) track.stop();
  };
  return { media, stop };
}

/** @param {Event} event */
async function startPublishing(event) {
  event.preventDefault();
  const options = target();
  if (!options) return;
  const form = new FormData(choices);
  const button = byId('publish-start');
  button.disabled = true;
  let source;
  try {
    source = await openSource(form);
  } catch (error) {
    button.disabled = false;
    showRefusal(/** @type {Error} */ (error));
    return;
  }
  const session = new Session('publish', {
    ...options,
    media: source.media,
    codec: String(form.get('codec')) || undefined,
    maxBitrate: Number(form.get('rate')) || undefined,
  });
  const mirrored = form.get('source') === 'camera';
  const panel = new Panel(session, { title: `${options.tenant} / ${options.stream}`, mirrored });
  byId('publish-panels').replaceChildren(panel.root);
  panel.video.srcObject = source.media;
  // The browser's own "stop sharing" ends the session too.
  source.media.getVideoTracks()[0]?.addEventListener('ended', () => session.stop());
  session.addEventListener('ended', () => {
    source.stop();
    button.disabled = false;
  });
  session.start().catch(() => {}); // the panel shows the `error` event
}

/** Camera, microphone or screen refused. @param {Error} error */
function showRefusal(error) {
  const note = document.createElement('p');
  note.className = 'card problem';
  note.role = 'alert';
  note.textContent =
    error.name === 'NotAllowedError'
      ? 'The browser was not allowed to open camera, microphone or screen.'
      : `No source: ${error.message}`;
  byId('publish-panels').replaceChildren(note);
}

let players = 0;

function addPlayer() {
  const options = target();
  if (!options) return;
  players += 1;
  const session = new Session('play', options);
  const panel = new Panel(session, {
    title: `Player ${players}: ${options.tenant} / ${options.stream}`,
  });
  byId('play-panels').append(panel.root);
  panel.video.srcObject = session.media;
  session.start().catch(() => {}); // the panel shows the `error` event
}

readFragment();
for (const field of Object.values(access)) field.addEventListener('change', keepFragment);
access.token.addEventListener('input', describeToken);
addEventListener('hashchange', () => {
  if (location.hash.includes('token=')) readFragment();
});
setInterval(describeToken, 30_000);
byId('access').addEventListener('submit', (/** @type {Event} */ event) => event.preventDefault());
byId('token-show').addEventListener('click', () => {
  const isShown = access.token.type === 'text';
  access.token.type = isShown ? 'password' : 'text';
  byId('token-show').textContent = isShown ? 'Show' : 'Hide';
  byId('token-show').setAttribute('aria-pressed', String(!isShown));
});
choices.addEventListener('submit', startPublishing);
byId('play-add').addEventListener('click', addPlayer);
new NodeView();
