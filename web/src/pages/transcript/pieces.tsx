import { For, type JSX } from "solid-js";
import { Dynamic } from "solid-js/web";
import type { Piece, Side } from "../../lib/transcript/diff";

const ELEMENTS: Record<Side, string> = { both: "span", left: "del", right: "ins" };

/** A text with what stands on one side only: struck through or underlined, and not by its colour alone. */
export function PiecesView(props: { pieces: readonly Piece[] }): JSX.Element {
  return (
    <p class="pieces">
      <For each={props.pieces}>
        {({ text, side }) => (
          <Dynamic component={ELEMENTS[side]} class={`pieces__${side}`}>
            {text}
          </Dynamic>
        )}
      </For>
    </p>
  );
}
