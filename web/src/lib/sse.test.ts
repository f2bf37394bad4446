import { describe, expect, it } from "vitest";
import { feed, type ServerEvent } from "./sse";

function read(pieces: string[]): ServerEvent[] {
  let rest = "";
  return pieces.flatMap((piece) => {
    const fed = feed(rest, piece);
    rest = fed.rest;
    return fed.events;
  });
}

const STREAM = 'event: accepted\ndata: {"request_id":"a"}\n\n: keep-alive\n\nevent: done\ndata: 您好\ndata: 再見\n\n';
const EVENTS = [
  { event: "accepted", data: '{"request_id":"a"}' },
  { event: "done", data: "您好\n再見" },
];

describe("feed", () => {
  it("reads whole events and passes over comments", () => {
    expect(read([STREAM])).toEqual(EVENTS);
  });

  it.each(["\n", "\r\n", "\r"])("gives the same events wherever a stream with %j is cut", (newline) => {
    const stream = STREAM.replace(/\n/g, newline);
    for (let cut = 0; cut <= stream.length; cut++) {
      const tail = newline === "\r" ? [": end"] : [];
      expect(read([stream.slice(0, cut), stream.slice(cut), ...tail])).toEqual(EVENTS);
    }
  });

  it("reads a stream that comes one character at a time", () => {
    expect(read([...STREAM])).toEqual(EVENTS);
  });

  it("keeps an unfinished event back", () => {
    expect(feed("", "data: 1\n\ndata: 2\n")).toEqual({ events: [{ event: "message", data: "1" }], rest: "data: 2\n" });
  });

  it("takes fields without a space or without a colon, and a byte order mark", () => {
    expect(read(["\uFEFFevent:x\ndata\n\ndata:y\n\n"])).toEqual([
      { event: "x", data: "" },
      { event: "message", data: "y" },
    ]);
  });
});
