import { describe, expect, it } from "vitest";
import { en } from "../i18n/en";
import { zhTW } from "../i18n/zh-tw";
import { parseProblem, problemText } from "./problem";

describe("problemText", () => {
  it("speaks the language of the page", () => {
    expect(problemText(zhTW, "empty_file", "The file is empty.")).toBe(zhTW.problems.empty_file);
  });

  it("keeps the server's words for a code it does not know", () => {
    expect(problemText(en, "new_code", "Something new.")).toBe("Something new.");
    expect(problemText(en, "toString", "Something new.")).toBe("Something new.");
  });

  it("is never empty", () => {
    expect(problemText(en, "new_code", "")).toBe(en.problems.internal_error);
  });
});

describe("parseProblem", () => {
  it("reads a problem document", () => {
    const body = JSON.stringify({ code: "no_audio_stream", detail: "no sound", request_id: "r1", status: 400 });
    expect(parseProblem(400, body)).toMatchObject({ code: "no_audio_stream", detail: "no sound", request_id: "r1" });
  });

  it.each([
    [413, "<html>", "body_too_large"],
    [502, "<html>Bad Gateway", "network"],
    [404, "null", "bad_answer"],
    [500, "", "bad_answer"],
  ])("makes the best of a %d with %j", (status, body, code) => {
    expect(parseProblem(status, body).code).toBe(code);
  });
});
