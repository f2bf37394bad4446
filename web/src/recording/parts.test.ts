import { expect, it } from "vitest";
import { fingerprint } from "./fingerprint";
import { createSlots } from "./slots";
import { joined } from "./store";
import { append, metadata } from "./wire";

const piece = (from: number, text: string) => ({ from, bytes: new TextEncoder().encode(text).buffer as ArrayBuffer });

it("joins what is here without a gap, whatever its order", async () => {
  const pieces = [piece(6, "ghi"), piece(0, "abc"), piece(3, "def")];
  expect(await joined(pieces, 1, 8).text()).toBe("bcdefgh");
  expect(await joined([piece(0, "abc"), piece(4, "e")], 0, 9).text()).toBe("abc");
  expect((await joined([piece(4, "e")], 0, 9)).size).toBe(0);
});

it("tells a file that is chosen again from one of the same name and size", async () => {
  const file = (text: string) => new File([text], "REC001.WAV", { lastModified: 0 });
  expect(await fingerprint(file("morning"))).toBe(await fingerprint(file("morning")));
  expect(await fingerprint(file("morning"))).not.toBe(await fingerprint(file("evening")));
});

it("writes the metadata of tus in base64 of UTF-8, without what is empty", () => {
  expect(
    metadata([
      ["filename", "家訪.wav"],
      ["filetype", ""],
    ]),
  ).toBe("filename 5a626KiqLndhdg==");
});

it("lets no more at a time than there are slots, in their order", async () => {
  const inSlot = createSlots(1);
  const seen: string[] = [];
  let finish = (): void => undefined;
  const first = inSlot(
    () =>
      new Promise<void>((done) => {
        finish = done;
        seen.push("first");
      }),
  );
  const second = inSlot(async () => {
    seen.push("second");
  });
  await Promise.resolve();
  expect(seen).toEqual(["first"]);
  finish();
  await Promise.all([first, second]);
  expect(seen).toEqual(["first", "second"]);
});

it("sends nothing of a part that was given up while it waited for its turn", async () => {
  // Without a browser a request would fail: there is none.
  const part = { from: 0, bytes: new Blob(["abc"]), onSent: () => undefined, signal: AbortSignal.abort() };
  expect(await append("rec_1", part)).toEqual({ type: "stopped" });
});
