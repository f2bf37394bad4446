import { createEffect, type JSX } from "solid-js";
import { t } from "../../i18n/locale";
import { meterValue } from "../../recording/level";

const BARS = 48;
const GAP = 0.4;
const STILL = window.matchMedia("(prefers-reduced-motion: reduce)");

/** The loudness of the last seconds; for those who prefer less motion, one bar that only grows and shrinks. */
export function Meter(props: { level: number }): JSX.Element {
  const shown = () => meterValue(props.level);
  const history = new Array<number>(BARS).fill(0);
  let canvas: HTMLCanvasElement | undefined;

  createEffect(() => {
    history.push(shown());
    history.shift();
    const context = canvas && prepare(canvas);
    if (!context) return;
    if (STILL.matches)
      context.fillRect(0, context.canvas.height / 3, context.canvas.width * shown(), context.canvas.height / 3);
    else drawBars(context, history);
  });
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers draw a <meter> as one bar; this one shows the last seconds.
    <div
      class="meter"
      data-testid="level"
      role="meter"
      aria-label={t().record.level}
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuenow={Math.round(shown() * 100)}
    >
      <canvas class="meter__canvas" ref={canvas} />
    </div>
  );
}

/** An empty canvas as fine as the screen, in the text's colour of the theme. */
function prepare(canvas: HTMLCanvasElement): CanvasRenderingContext2D | null {
  const context = canvas.getContext("2d");
  const scale = window.devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * scale;
  canvas.height = canvas.clientHeight * scale;
  if (context) context.fillStyle = getComputedStyle(canvas).color;
  return context;
}

function drawBars(context: CanvasRenderingContext2D, history: readonly number[]): void {
  const { width, height } = context.canvas;
  const step = width / history.length;
  history.forEach((value, i) => {
    const tall = Math.max(height * 0.06, height * value);
    context.fillRect(i * step, (height - tall) / 2, step * (1 - GAP), tall);
  });
}
