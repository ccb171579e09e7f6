// What draws a decoded sample, by its form. A stage has `node`; `show(frame)` draws an answer and
// gives a sentence about it; `thumbnail(canvas, frame, place)` draws one of several; `leave()`.

import { imageStage } from "./image.js";
import { linesStage } from "./lines.js";
import { vectorStage } from "./vector.js";
import { volumeStage } from "./volume.js";

const STAGES = { image: imageStage, lines: linesStage, volume: volumeStage, vector: vectorStage };

export function stageOf(facts) {
  return STAGES[facts.form](facts);
}
