/** Server-sent events, read from text that arrives in pieces: https://html.spec.whatwg.org/#event-stream-interpretation */

export interface ServerEvent {
  event: string;
  data: string;
}

export interface Fed {
  events: ServerEvent[];
  /** What is not a whole event yet; goes in front of the next piece. */
  rest: string;
}

/** Takes what was left over and a new piece, and gives the events that are now whole. */
export function feed(rest: string, piece: string): Fed {
  const text = (rest + piece).replace(/^\uFEFF/, "");
  // A carriage return at the end may be the first half of a line break that is cut in two.
  const held = text.endsWith("\r") ? "\r" : "";
  const lines = text.slice(0, text.length - held.length).replace(/\r\n?/g, "\n");
  const blocks = lines.split("\n\n");
  const unfinished = blocks.pop() ?? "";
  return { events: blocks.flatMap(parseBlock), rest: unfinished + held };
}

function parseBlock(block: string): ServerEvent[] {
  let event = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [field, value] = splitField(line);
    if (field === "event") event = value;
    if (field === "data") data.push(value);
  }
  return data.length > 0 ? [{ event, data: data.join("\n") }] : [];
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(":");
  if (colon < 0) return [line, ""];
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
}
