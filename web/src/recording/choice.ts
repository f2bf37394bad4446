/**
 * Which of two recorders of the same microphone counts: the browser's encoder, or plain samples. Samples are kept from the
 * start until the encoder has proved that it works, so that a switch loses nothing. Pure.
 */
export interface Choice {
  by: "nobody" | "encoder" | "samples";
  encoder: boolean;
  samples: boolean;
  /** Sound that was heard so far, in seconds, as long as nobody is chosen. */
  heardS: number;
}

export type ChoiceEvent =
  | { type: "encoded" }
  | { type: "heard"; seconds: number }
  | { type: "encoder_failed" }
  | { type: "stopped" };

/** WebKit's encoder can stay silent without an error: after this much sound the samples count. */
export const PATIENCE_S = 1.5;

export function newChoice(encoder: boolean, samples: boolean): Choice {
  return settled({ by: "nobody", encoder, samples, heardS: 0 });
}

export function choose(choice: Choice, event: ChoiceEvent): Choice {
  if (choice.by !== "nobody") return choice;
  switch (event.type) {
    case "encoded":
      return { ...choice, by: "encoder" };
    case "heard":
      return settled({ ...choice, heardS: choice.heardS + event.seconds });
    case "encoder_failed":
      return settled({ ...choice, encoder: false });
    case "stopped":
      return choice.samples ? { ...choice, by: "samples" } : choice;
  }
}

function settled(choice: Choice): Choice {
  const late = !choice.encoder || choice.heardS >= PATIENCE_S;
  return choice.samples && late ? { ...choice, by: "samples" } : choice;
}
