import { expect, it } from "vitest";
import { setLocale } from "../i18n/locale";
import { recordingName } from "./recording-name";

const RECORDED = { title: "", filename: "care-voice-20261126-1212.webm", created_at: "2026-11-26T04:12:00Z" };

it("calls what was recorded here by its time, and everything else by its title or its file", async () => {
  await setLocale("zh-TW");
  expect(recordingName(RECORDED)).toMatch(/^錄音 11月2\d日 .*\d/u);
  expect(recordingName({ ...RECORDED, title: "家訪" })).toBe("家訪");
  expect(recordingName({ ...RECORDED, filename: "visit.m4a" })).toBe("visit.m4a");
  expect(recordingName({ ...RECORDED, filename: "" })).toBe("錄音");
});
