/** A piece of a text, and whether it is what was searched for. */
export interface Piece {
  text: string;
  marked: boolean;
}

/** A text cut at the ranges that the server names: `[from, to)`, in Unicode code points, in order. */
export function pieces(text: string, ranges: readonly (readonly number[])[]): Piece[] {
  const characters = [...text];
  const found: Piece[] = [];
  let at = 0;
  const take = (until: number, marked: boolean): void => {
    const piece = characters.slice(at, until).join("");
    if (piece) found.push({ text: piece, marked });
    at = Math.max(at, until);
  };
  for (const [from = 0, to = 0] of ranges) {
    take(from, false);
    take(to, true);
  }
  take(characters.length, false);
  return found;
}
