// Surfaces drawn by hand into pixels: nearest first by a depth buffer, lit from over the reader's
// left shoulder. It needs no graphics card, which a studio on a server does not have.

const LIGHT = [-0.42, 0.55, 0.72];
const DIM = 0.34;  // of the light where a surface turns away

// `bodies` [{vertices, normals, triangles, ink: [r, g, b]}] into `picture` (ImageData); `scale`:
// pixels a unit of length. What is not covered stays as it is.
export function shade(picture, bodies, rotation, scale) {
  const depths = new Float32Array(picture.width * picture.height).fill(-Infinity);
  for (const body of bodies) fillBody(picture, depths, body, rotation, scale);
}

function fillBody(picture, depths, body, r, scale) {
  const count = body.vertices.length / 3;
  const [x, y, z, light] = [0, 1, 2, 3].map(() => new Float32Array(count));
  for (let i = 0; i < count; i++) {
    const [a, b, c] = [body.vertices[3 * i], body.vertices[3 * i + 1], body.vertices[3 * i + 2]];
    x[i] = picture.width / 2 + scale * (r[0] * a + r[1] * b + r[2] * c);
    y[i] = picture.height / 2 - scale * (r[3] * a + r[4] * b + r[5] * c);
    z[i] = r[6] * a + r[7] * b + r[8] * c;
    light[i] = lit(body.normals, 3 * i, r);
  }
  const t = body.triangles;
  for (let i = 0; i < t.length; i += 3) fillTriangle(picture, depths, x, y, z, light, t[i], t[i + 1], t[i + 2], body.ink);
}

function lit(normals, i, r) {
  const [a, b, c] = [normals[i], normals[i + 1], normals[i + 2]];
  const n = [r[0] * a + r[1] * b + r[2] * c, r[3] * a + r[4] * b + r[5] * c, r[6] * a + r[7] * b + r[8] * c];
  const towards = n[2] < 0 ? -1 : 1;  // both sides of an open surface are lit
  const direct = Math.max(0, towards * (n[0] * LIGHT[0] + n[1] * LIGHT[1] + n[2] * LIGHT[2]));
  return DIM + (1 - DIM) * direct;
}

function fillTriangle(picture, depths, x, y, z, light, a, b, c, ink) {
  const area = (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a]);
  if (area === 0) return;
  const { width, height, data } = picture;
  const left = Math.max(0, Math.ceil(Math.min(x[a], x[b], x[c]))), right = Math.min(width - 1, Math.floor(Math.max(x[a], x[b], x[c])));
  const top = Math.max(0, Math.ceil(Math.min(y[a], y[b], y[c]))), bottom = Math.min(height - 1, Math.floor(Math.max(y[a], y[b], y[c])));
  for (let py = top; py <= bottom; py++) {
    for (let px = left; px <= right; px++) {
      const v = ((px - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (py - y[a])) / area;
      const w = ((x[b] - x[a]) * (py - y[a]) - (px - x[a]) * (y[b] - y[a])) / area;
      if (v < 0 || w < 0 || v + w > 1) continue;
      const place = py * width + px, deep = (1 - v - w) * z[a] + v * z[b] + w * z[c];
      if (deep <= depths[place]) continue;
      depths[place] = deep;
      const bright = (1 - v - w) * light[a] + v * light[b] + w * light[c];
      data[4 * place] = bright * ink[0];
      data[4 * place + 1] = bright * ink[1];
      data[4 * place + 2] = bright * ink[2];
      data[4 * place + 3] = 255;
    }
  }
}
