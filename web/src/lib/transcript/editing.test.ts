import { describe, expect, it } from "vitest";
import {
  begin,
  collide,
  commandOf,
  IDLE,
  isUnsaved,
  mergingEdits,
  refuse,
  revive,
  save,
  savingEdits,
  splitAt,
  splittingEdits,
  tidy,
  type,
} from "./editing";
import type { Line } from "./types";

const LINE: Line = { id: "s", start: 0, end: 2, speaker: "", text: "Good morning Liddy" };
const PROBLEM = { code: "network", detail: "" };

describe("keys", () => {
  const press = (key: string, more = {}, caret = { start: 3, end: 3 }) =>
    commandOf({ key, ctrlKey: false, metaKey: false, shiftKey: false, isComposing: false, keyCode: 0, ...more }, caret);

  it("ask for what the page says they do", () => {
    expect(press("Enter")).toBe("save");
    expect(press("Enter", { ctrlKey: true })).toBe("split");
    expect(press("Enter", { metaKey: true })).toBe("split");
    expect(press("Escape")).toBe("cancel");
    expect([press("Tab"), press("Tab", { shiftKey: true })]).toEqual(["next", "previous"]);
    expect(press("a")).toBeNull();
  });

  it("joins only from the very beginning, with nothing selected", () => {
    expect(press("Backspace", {}, { start: 0, end: 0 })).toBe("merge");
    expect(press("Backspace", {}, { start: 0, end: 4 })).toBeNull();
    expect(press("Backspace")).toBeNull();
  });

  it("leaves an input method alone", () => {
    expect(press("Enter", { isComposing: true })).toBeNull();
    expect(press("Enter", { keyCode: 229 })).toBeNull();
  });
});

describe("edits", () => {
  it("are none where nothing changed but spaces", () => {
    expect(savingEdits(LINE, "  Good  morning\nLiddy ")).toEqual([]);
    expect(mergingEdits({ ...LINE, id: "p" }, LINE, LINE.text)).toEqual([{ op: "merge", segment: "p" }]);
  });

  it("take a line away that has no text left", () => {
    expect(savingEdits(LINE, " ")).toEqual([{ op: "delete_segment", segment: "s" }]);
    expect(mergingEdits({ ...LINE, id: "p" }, LINE, "")).toEqual([{ op: "delete_segment", segment: "s" }]);
  });

  it("split what was typed, counted as the service counts", () => {
    expect(splitAt("  👵 你好  嗎", 7)).toBe(4);
    expect(splittingEdits(LINE, "Good evening  Liddy", 13)).toEqual([
      { op: "set_text", segment: "s", text: "Good evening Liddy" },
      { op: "split", segment: "s", at: 13 },
    ]);
  });

  it("split nothing off that is empty", () => {
    expect([0, 18].map((caret) => splittingEdits(LINE, LINE.text, caret))).toEqual([null, null]);
  });

  it("cuts a tidied text where the caret stood, wherever it stood", () => {
    const raw = " a  bc   d ";
    for (let caret = 0; caret <= raw.length; caret++) {
      const at = splitAt(raw, caret);
      const [left, right] = [tidy(raw).slice(0, at), tidy(raw).slice(at)];
      expect([tidy(left), tidy(right)]).toEqual([tidy(raw.slice(0, caret)), tidy(raw.slice(caret))]);
    }
  });
});

describe("states", () => {
  const typed = type(begin(LINE, 4), "Good evening Liddy");

  it("keep the draft when it could not be saved", () => {
    const refused = refuse(save(typed), PROBLEM);
    expect(refused).toMatchObject({ kind: "typing", draft: "Good evening Liddy", problem: PROBLEM });
    expect(type(refused, "x")).toMatchObject({ problem: null });
  });

  it("ask the user only where the same line was changed by somebody else", () => {
    const saving = save(typed);
    expect(collide(saving, LINE)).toBe(saving);
    expect(collide(saving, { ...LINE, text: "Hello Liddy" })).toEqual({
      kind: "conflict",
      id: "s",
      draft: "Good evening Liddy",
      theirs: "Hello Liddy",
    });
    expect(collide(saving, undefined)).toMatchObject({ kind: "conflict", theirs: null });
  });

  it("do nothing out of turn", () => {
    for (const step of [
      save,
      (state: typeof IDLE) => type(state, "x"),
      (state: typeof IDLE) => refuse(state, PROBLEM),
    ]) {
      expect(step(IDLE)).toBe(IDLE);
    }
    expect(collide(typed, undefined)).toBe(typed);
  });
});

it("knows what would be lost with the page", () => {
  const typing = begin(LINE, 0);
  expect([IDLE, typing, type(typing, " Good morning  Liddy")].map(isUnsaved)).toEqual([false, false, false]);
  const draft = type(typing, "Good morning Lidia");
  const conflict = collide(save(draft), undefined);
  expect([draft, save(draft), conflict].map(isUnsaved)).toEqual([true, true, true]);
});

describe("a draft that was kept", () => {
  const kept = {
    kind: "typing",
    id: "s",
    before: LINE.text,
    draft: "Good evening",
    caret: 12,
    problem: PROBLEM,
  } as const;

  it("goes on, with the reason why it was not saved, where its line is as it was", () => {
    expect(revive(kept, LINE)).toBe(kept);
  });

  it("is for the user to decide about where the line was changed or removed meanwhile", () => {
    const theirs = { ...LINE, text: "Good night" };
    const both = { kind: "conflict", id: "s", draft: "Good evening", theirs: "Good night" } as const;
    expect(revive(kept, theirs)).toEqual(both);
    expect(revive(both, LINE)).toEqual({ ...both, theirs: LINE.text });
    expect(revive(kept, undefined)).toEqual({ ...both, theirs: null });
  });

  it("is done where it was saved after all", () => {
    expect(revive(kept, { ...LINE, text: "Good evening" })).toBe(IDLE);
  });
});
