/** What the transcript page works with: a part of what the API says. Times are seconds. */

export interface Word {
  word: string;
  start: number;
  end: number;
  /** From 0 to 1: how sure the model was. 1 where a person wrote it. */
  probability: number;
}

/** A segment of a transcript. Its words joined are its text. */
export interface Line {
  id: string;
  start: number;
  end: number;
  /** Empty where nobody is named. */
  speaker: string;
  text: string;
  words?: Word[];
}
