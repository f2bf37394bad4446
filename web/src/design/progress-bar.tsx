import type { JSX } from "solid-js";

/** Without a value it only says that something is going on. */
export function ProgressBar(props: { value: number | null; label: string; text?: string }): JSX.Element {
  return (
    <div
      class="progress"
      classList={{ "progress--unknown": props.value === null }}
      role="progressbar"
      aria-label={props.label}
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuetext={props.text}
      aria-valuenow={props.value === null ? undefined : Math.round(props.value * 100)}
    >
      <div class="progress__bar" style={{ transform: `scaleX(${props.value ?? 0.3})` }} />
    </div>
  );
}
