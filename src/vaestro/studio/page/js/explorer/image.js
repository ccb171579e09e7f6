// Decoded images, pixel by pixel: every pixel is a square, none is smoothed.

import { sheet, whenLooksChange } from "./canvas.js";
import { element } from "../dom.js";
import { number } from "../numbers.js";

// Answer `frame` {shape: [N, H, W, C], numbers: Uint8Array} -> ImageData of sample `place`.
export function pixels(frame, place = 0) {
  const [, height, width, channels] = frame.shape;
  const levels = frame.numbers, start = place * height * width * channels;
  const picture = new ImageData(width, height), out = picture.data;
  for (let i = 0, from = start, to = 0; i < height * width; i++, from += channels, to += 4) {
    out[to] = levels[from];
    out[to + 1] = levels[from + (channels === 3 ? 1 : 0)];
    out[to + 2] = levels[from + (channels === 3 ? 2 : 0)];
    out[to + 3] = 255;
  }
  return picture;
}

// A small canvas with one pixel a pixel, to be enlarged by what draws it.
export function small(picture) {
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}

export function fill(canvas, picture) {
  const { pen, width, height, ratio } = sheet(canvas);
  const fitting = Math.min(width / picture.width, height / picture.height);
  const whole = Math.floor(fitting * ratio) / ratio;  // pixels of one size where there is room
  const scale = fitting * ratio >= 1 ? whole : fitting;
  const [w, h] = [picture.width * scale, picture.height * scale];
  pen.imageSmoothingEnabled = fitting * ratio < 1;
  pen.drawImage(small(picture), (width - w) / 2, (height - h) / 2, w, h);
}

// The stage of an image.
export function imageStage(facts) {
  const canvas = element("canvas", { class: "picture", role: "img", "aria-label": "The decoded image" });
  let picture = null;
  const redraw = () => { if (picture) fill(canvas, picture); };
  const leave = whenLooksChange(canvas, redraw);
  return {
    node: canvas,
    show(frame) {
      picture = pixels(frame);
      redraw();
      let [low, high] = [255, 0];
      for (const level of frame.numbers) {
        if (level < low) low = level;
        if (level > high) high = level;
      }
      const value = (level) => number(frame.low + (level / 255) * (frame.high - frame.low));
      return `${picture.width} × ${picture.height} pixels; greys from ${value(low)} to ${value(high)}, ` +
        `black is ${number(frame.low)}, white ${number(frame.high)}`;
    },
    thumbnail(canvas, frame, place) { fill(canvas, pixels(frame, place)); },
    leave,
  };
}
