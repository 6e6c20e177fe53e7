/**
 * A test picture and sound: colour bars that move, a clock, and once per second a flash with a
 * beep at the same instant, so that delay, smoothness and lip sync can be judged by eye and ear.
 */

const FRAMES_PER_SECOND = 30;
const FLASH_MS = 100;
const COLORS = ['#d8d8d8', '#d5c84a', '#45bfc4', '#4bb04f', '#b24fb0', '#c4473f', '#3f55c4'];

/**
 * @param {CanvasRenderingContext2D} context @param {number} width @param {number} height
 * @param {number} now Milliseconds.
 */
function draw(context, width, height, now) {
  const bar = width / COLORS.length;
  const shift = (now / 20) % width;
  COLORS.forEach((color, index) => {
    context.fillStyle = color;
    const x = (index * bar + shift) % width;
    context.fillRect(x, 0, bar + 1, height * 0.66);
    context.fillRect(x - width, 0, bar + 1, height * 0.66);
  });
  context.fillStyle = '#14171c';
  context.fillRect(0, height * 0.66, width, height);
  const angle = (now / 1000) * 2 * Math.PI;
  context.fillStyle = '#79a8ff';
  context.beginPath();
  context.arc(
    width * (0.5 + 0.4 * Math.sin(angle / 4)),
    height * 0.33,
    height * 0.1,
    0,
    2 * Math.PI,
  );
  context.fill();
  context.fillStyle = '#fff';
  context.font = `600 ${Math.round(height * 0.13)}px ui-monospace, monospace`;
  context.textBaseline = 'middle';
  context.fillText(new Date(now).toISOString().slice(11, 23), width * 0.05, height * 0.84);
  if (now % 1000 < FLASH_MS)
    context.fillRect(width * 0.84, height * 0.73, width * 0.11, height * 0.22);
}

/** @returns {{ track: MediaStreamTrack, beep: (inSeconds: number) => void, stop: () => void }} */
function tone() {
  const audio = new AudioContext();
  const out = audio.createMediaStreamDestination();
  const volume = audio.createGain();
  const oscillator = audio.createOscillator();
  oscillator.frequency.value = 880;
  volume.gain.value = 0.02;
  oscillator.connect(volume).connect(out);
  oscillator.start();
  return {
    track: out.stream.getAudioTracks()[0],
    beep: (inSeconds) => {
      const at = audio.currentTime + inSeconds;
      volume.gain.setValueAtTime(0.3, at);
      volume.gain.setValueAtTime(0.02, at + FLASH_MS / 1000);
    },
    stop: () => audio.close(),
  };
}

/**
 * @param {{ width: number, height: number, sound: boolean }} options Pixels.
 * @returns {{ media: MediaStream, stop: () => void }}
 */
export function openPattern({ width, height, sound }) {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d', { alpha: false });
  if (!context) throw new Error('this browser gives no canvas');
  const media = canvas.captureStream(FRAMES_PER_SECOND);
  const speaker = sound ? tone() : null;
  if (speaker) media.addTrack(speaker.track);
  // Timers of a hidden page run once per second; those of a worker go on.
  const ticker = new Worker(new URL('pattern_ticker.js', import.meta.url));
  let second = Math.floor(Date.now() / 1000);
  ticker.onmessage = () => {
    const now = Date.now();
    draw(context, width, height, now);
    if (Math.floor(now / 1000) === second) return;
    second = Math.floor(now / 1000);
    speaker?.beep(0);
  };
  ticker.postMessage(1000 / FRAMES_PER_SECOND);
  const stop = () => {
    ticker.terminate();
    speaker?.stop();
    for (const track of media.getTracks()) track.stop();
  };
  return { media, stop };
}
