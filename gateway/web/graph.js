/**
 * A small live graph of one value: the last minute as a line on a canvas, in the colour of the
 * canvas, drawn again whenever a value, the size or the colour scheme changes.
 */

const SAMPLES = 60;
const LINE_WIDTH = 1.5;

/**
 * The smallest round number (1, 2, 5 times a power of ten) that is at least `value`, so that the
 * scale stays the same while the value moves a little.
 * @param {number} value
 */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5].find((step) => step * power >= value * 0.999) ?? 10);
}

export class Graph {
  /** @type {number[]} */
  #values = [];
  #canvas;
  #name;
  #format;
  #low;
  #high;

  /**
   * @param {HTMLCanvasElement} canvas Its CSS gives size and colour.
   * @param {object} options
   * @param {string} options.name For those who cannot see it.
   * @param {(value: number) => string} options.format
   * @param {number} [options.low] The scale's lower end; default 0.
   * @param {number} options.high Its upper end, unless a value is higher: the next round number.
   */
  constructor(canvas, { name, format, low = 0, high }) {
    this.#canvas = canvas;
    this.#name = name;
    this.#format = format;
    this.#low = low;
    this.#high = high;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
  }

  /** @param {number} value */
  push(value) {
    this.#values.push(value);
    if (this.#values.length > SAMPLES) this.#values.shift();
    const top = this.#format(Math.max(...this.#values));
    const now = this.#format(value);
    this.#canvas.ariaLabel = `${this.#name}: ${now}, highest of the last minute ${top}`;
    this.#draw();
  }

  #draw() {
    const canvas = this.#canvas;
    const scale = globalThis.devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    const context = canvas.getContext('2d');
    if (!context || !width || !height) return;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    context.scale(scale, scale);
    const { color } = getComputedStyle(canvas);
    this.#drawGrid(context, width, height, color);
    if (this.#values.length) this.#drawLine(context, width, height, color);
  }

  /**
   * @param {CanvasRenderingContext2D} context @param {number} width @param {number} height
   * @param {string} color
   */
  #drawGrid(context, width, height, color) {
    context.strokeStyle = color;
    context.globalAlpha = 0.16;
    context.lineWidth = 1;
    context.beginPath();
    for (const y of [0.5, Math.round(height / 2) + 0.5, height - 0.5]) {
      context.moveTo(0, y);
      context.lineTo(width, y);
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  /**
   * @param {CanvasRenderingContext2D} context @param {number} width @param {number} height
   * @param {string} color
   */
  #drawLine(context, width, height, color) {
    const highest = Math.max(...this.#values);
    const range = (highest > this.#high ? roundUp(highest) : this.#high) - this.#low;
    const step = width / (SAMPLES - 1);
    const inner = height - 2 * LINE_WIDTH;
    const first = SAMPLES - this.#values.length;
    const points = this.#values.map((value, index) => ({
      x: (first + index) * step - LINE_WIDTH,
      y: LINE_WIDTH + inner * (1 - Math.min(1, Math.max(0, value - this.#low) / range)),
    }));
    const last = points[points.length - 1];
    const line = new Path2D();
    for (const { x, y } of points) line.lineTo(x, y);
    const area = new Path2D(line);
    area.lineTo(last.x, height);
    area.lineTo(points[0].x, height);
    context.fillStyle = context.strokeStyle = color;
    context.globalAlpha = 0.12;
    context.fill(area);
    context.globalAlpha = 1;
    context.lineWidth = LINE_WIDTH;
    context.lineJoin = 'round';
    context.stroke(line);
    context.beginPath();
    context.arc(last.x - LINE_WIDTH, last.y, 2, 0, 2 * Math.PI);
    context.fill();
  }
}
