// Where a volume crosses a level, as a surface: naive surface nets (Gibson 1998). Each cell of
// eight voxels that the surface passes has one vertex, the mean of where it cuts the cell's edges;
// each edge that it cuts joins the four cells around it by two triangles.

// `levels` (D, H, W) bytes, `level` between 0 and 255, `sizes` of a voxel along (D, H, W). Outside
// the volume is 0, so the surface is closed. Gives vertices (x, y, z) around the middle, normals
// and triangles.
export function surfaceNet(levels, shape, level, sizes) {
  const grid = padded(levels, shape, level);
  const { cells, vertices } = crossings(grid, sizes);
  const triangles = joined(grid, cells);
  return { vertices, normals: normals(vertices, triangles), triangles };
}

// How far above the level each voxel is, with an empty voxel all around.
function padded(levels, [depth, height, width], level) {
  const size = [depth + 2, height + 2, width + 2];
  const steps = [size[1] * size[2], size[2], 1];
  const above = new Float32Array(size[0] * steps[0]).fill(-level);
  for (let z = 0, from = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      const to = (z + 1) * steps[0] + (y + 1) * steps[1] + 1;
      for (let x = 0; x < width; x++, from++) above[to + x] = levels[from] - level;
    }
  }
  return { above, size, steps };
}

// The vertex of every cell that is cut; a cell has the number of its first voxel.
function crossings({ above, size, steps }, sizes) {
  const corners = Array.from({ length: 8 }, (_, i) => (i >> 2) * steps[0] + ((i >> 1) & 1) * steps[1] + (i & 1));
  const cells = new Int32Array(above.length).fill(-1), vertices = [];
  const corner = new Float32Array(8);
  for (let z = 0; z < size[0] - 1; z++) {
    for (let y = 0; y < size[1] - 1; y++) {
      for (let x = 0, cell = z * steps[0] + y * steps[1]; x < size[2] - 1; x++, cell++) {
        let inside = 0;
        for (let i = 0; i < 8; i++) {
          corner[i] = above[cell + corners[i]];
          if (corner[i] > 0) inside++;
        }
        if (inside === 0 || inside === 8) continue;
        const [cz, cy, cx] = middleOfCuts(corner);
        cells[cell] = vertices.length / 3;
        vertices.push(
          (x + cx - (size[2] - 1) / 2) * sizes[2],
          (y + cy - (size[1] - 1) / 2) * sizes[1],
          (z + cz - (size[0] - 1) / 2) * sizes[0],
        );
      }
    }
  }
  return { cells, vertices: Float32Array.from(vertices) };
}

const EDGES = [[0, 1], [2, 3], [4, 5], [6, 7], [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7]];

// The mean of the points at which the surface cuts the edges of one cell, as (z, y, x) from 0 to 1.
function middleOfCuts(corner) {
  let [z, y, x, count] = [0, 0, 0, 0];
  for (const [a, b] of EDGES) {
    if (corner[a] > 0 === corner[b] > 0) continue;
    const t = corner[a] / (corner[a] - corner[b]);
    z += (a >> 2) + t * ((b >> 2) - (a >> 2));
    y += ((a >> 1) & 1) + t * (((b >> 1) & 1) - ((a >> 1) & 1));
    x += (a & 1) + t * ((b & 1) - (a & 1));
    count++;
  }
  return [z / count, y / count, x / count];
}

// Two triangles for every pair of neighbouring voxels on two sides of the level. The padding's
// outermost voxels are never inside, so the cells around such a pair are there.
function joined({ above, size, steps }, cells) {
  const triangles = [], last = above.length;
  for (let voxel = 0; voxel < last; voxel++) {
    const inside = above[voxel] > 0;
    for (let axis = 0; axis < 3; axis++) {
      const next = voxel + steps[axis];
      if (next >= last || inside === above[next] > 0) continue;
      const [u, v] = [steps[(axis + 1) % 3], steps[(axis + 2) % 3]];
      const [p, q, r, s] = [cells[voxel - u - v], cells[voxel - v], cells[voxel], cells[voxel - u]];
      if (inside) triangles.push(p, q, r, p, r, s); else triangles.push(p, r, q, p, s, r);
    }
  }
  return Uint32Array.from(triangles);
}

// Of each vertex: the mean of its triangles' normals, weighted by their areas.
function normals(v, triangles) {
  const out = new Float32Array(v.length);
  for (let i = 0; i < triangles.length; i += 3) {
    const a = 3 * triangles[i], b = 3 * triangles[i + 1], c = 3 * triangles[i + 2];
    const ux = v[b] - v[a], uy = v[b + 1] - v[a + 1], uz = v[b + 2] - v[a + 2];
    const wx = v[c] - v[a], wy = v[c + 1] - v[a + 1], wz = v[c + 2] - v[a + 2];
    const nx = uy * wz - uz * wy, ny = uz * wx - ux * wz, nz = ux * wy - uy * wx;
    for (const corner of [a, b, c]) {
      out[corner] += nx;
      out[corner + 1] += ny;
      out[corner + 2] += nz;
    }
  }
  for (let i = 0; i < out.length; i += 3) {
    const length = Math.hypot(out[i], out[i + 1], out[i + 2]) || 1;
    out[i] /= length;
    out[i + 1] /= length;
    out[i + 2] /= length;
  }
  return out;
}
