import { createUniqueId, type JSX, onMount } from "solid-js";

interface ConfirmProps {
  question: string;
  yes: string;
  no: string;
  onYes: () => void;
  onNo: () => void;
}

/** A question in the flow of the page: the browser's own would stop the page, and look like a fault. */
export function Confirm(props: ConfirmProps): JSX.Element {
  const id = createUniqueId();
  let safe: HTMLButtonElement | undefined;
  onMount(() => safe?.focus());
  return (
    <div class="confirm" role="alertdialog" aria-labelledby={id}>
      <p id={id}>{props.question}</p>
      <div class="row">
        <button type="button" class="button" ref={safe} onClick={() => props.onNo()}>
          {props.no}
        </button>
        <button type="button" class="button button--danger" onClick={() => props.onYes()}>
          {props.yes}
        </button>
      </div>
    </div>
  );
}
