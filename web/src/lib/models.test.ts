import { describe, expect, it } from "vitest";
import type { Model, Operation } from "../api/models";
import { en } from "../i18n/en";
import { zhTW } from "../i18n/zh-tw";
import { endings, noteOf, ratioOf, sourceName, toFollow } from "./models";

const PROGRESS: Operation["progress"] = {
  phase: "downloading",
  file: "model.bin",
  source: "hub",
  done_bytes: 25,
  total_bytes: 100,
  rate_bytes_s: null,
  eta_s: null,
};

function model(name: string, operation: Partial<Operation> | null): Model {
  const full = { id: "1", kind: "pull", state: "running", progress: PROGRESS, ...operation };
  return { name, operation: operation && full } as Model;
}

describe("endings", () => {
  it.each<Operation["state"]>(["done", "failed", "cancelled"])("tells once that a pull is %s", (state) => {
    const ended = [model("base", { state })];
    expect(endings([model("base", {})], ended)).toEqual([{ name: "base", kind: "pull", state }]);
    expect(endings(ended, ended)).toEqual([]);
  });

  it("tells what began and ended between two looks", () => {
    const ended = [model("base", { id: "2", kind: "verify", state: "done" })];
    expect(endings([model("base", { state: "done" })], ended)).toHaveLength(1);
    expect(endings([model("base", null)], ended)).toHaveLength(1);
  });

  it("keeps quiet about what runs, what never ran, and what ended before the page was opened", () => {
    expect(endings([model("base", {})], [model("base", {}), model("tiny", null)])).toEqual([]);
    expect(endings([], [model("base", { state: "failed" })])).toEqual([]);
  });
});

describe("ratioOf", () => {
  it("is a share of the whole model", () => {
    expect(ratioOf(PROGRESS)).toBe(0.25);
    expect(ratioOf({ ...PROGRESS, done_bytes: 101 })).toBe(1);
  });

  it("is unknown where nothing is counted", () => {
    expect(ratioOf({ ...PROGRESS, phase: "waiting" })).toBeNull();
    expect(ratioOf({ ...PROGRESS, total_bytes: 0 })).toBeNull();
  });
});

it("follows the first operations that run, and no more than it may", () => {
  const models = [model("a", {}), model("b", { state: "done" }), model("c", {}), model("d", {})];
  expect(toFollow(models, 2)).toEqual(["a", "c"]);
});

it("names sources in the language of the page, and leaves the name of one it does not know", () => {
  expect(sourceName(zhTW, "carriers+hub")).toBe("套件庫 + 模型庫");
  expect(sourceName(en, "toString")).toBe("toString");
});

it("says what a model is good for in the language of the page, else in the server's words", () => {
  const own = { name: "ours", note: "Trained on visits.", derived: null } as Model;
  expect(noteOf(zhTW, { ...own, name: "base" })).toBe(zhTW.models.notes.base);
  expect(noteOf(zhTW, own)).toBe("Trained on visits.");
  expect(noteOf(en, { ...own, derived: { parent: "base", parent_digest: "", to: "int8", tool: "x" } })).toMatch(
    /^Made from base as int8/,
  );
});
