import { expect, it } from "vitest";
import { fields, knownProfile, knownScript, understoodElsewhere } from "./options";
import { MIXED, type Options } from "./types";

const NOTHING: Options = { language: "", task: "transcribe", profile: "", hotwords: " ", script: "" };

it("sends only what was chosen", () => {
  expect(fields(NOTHING)).toEqual([["task", "transcribe"]]);
});

it("sends a language, a profile and words to favour", () => {
  const chosen: Options = { ...NOTHING, language: "zh", profile: "accurate", hotwords: " 左小蕾, 普拿疼 " };
  expect(fields(chosen)).toEqual([
    ["language", "zh"],
    ["task", "transcribe"],
    ["profile", "accurate"],
    ["hotwords", "左小蕾, 普拿疼"],
  ]);
});

it("sends the script of Chinese that was chosen, to a server elsewhere too: it is made here", () => {
  const chosen: Options = { ...NOTHING, script: "simplified" };
  expect(fields(chosen)).toContainEqual(["script", "simplified"]);
  expect(fields(understoodElsewhere(chosen))).toContainEqual(["script", "simplified"]);
});

it("asks for detection throughout where languages change", () => {
  expect(fields({ ...NOTHING, language: MIXED })[0]).toEqual(["language_detection", "window"]);
});

it("sends a server elsewhere nothing that it cannot be told", () => {
  const chosen: Options = { ...NOTHING, language: MIXED, profile: "accurate", hotwords: "普拿疼" };
  expect(fields(understoodElsewhere(chosen))).toEqual([
    ["task", "transcribe"],
    ["hotwords", "普拿疼"],
  ]);
  expect(understoodElsewhere({ ...chosen, language: "zh" }).language).toBe("zh");
});

it("believes a saved script only where it is one", () => {
  expect(knownScript("as_heard")).toBe("as_heard");
  expect(knownScript("hant")).toBe("");
});

it("believes a saved profile only where it is one", () => {
  expect(knownProfile("fast")).toBe("fast");
  expect(knownProfile("faster")).toBe("");
  expect(knownProfile(null)).toBe("");
});
