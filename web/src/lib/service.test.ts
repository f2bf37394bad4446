import { describe, expect, it } from "vitest";
import { en } from "../i18n/en";
import { zhTW } from "../i18n/zh-tw";
import { isReady, type Service, viewService } from "./service";
import type { ServiceStatus } from "./types";

function known(changes: Partial<ServiceStatus>): Service {
  const status: ServiceStatus = {
    version: "0.1.0",
    ready: false,
    state: "starting",
    reason: null,
    stage: null,
    model: "base",
    models: ["base"],
    engine: "local",
    profile: "balanced",
    languages: [],
    limits: { max_body_bytes: 1, max_duration_s: 1 },
    ...changes,
  };
  return { kind: "known", status };
}

describe("viewService", () => {
  it("says how far the download of the model is", () => {
    const stage = { name: "model", detail: "downloading model.bin", progress: 0.42 };
    const view = viewService(known({ stage, reason: { code: "not_ready", message: "x", hint: "" } }), zhTW);
    expect(view).toMatchObject({ tone: "busy", reason: zhTW.service.downloading, progress: 0.42 });
  });

  it("says what went wrong, by its code", () => {
    const view = viewService(
      known({
        state: "degraded",
        stage: { name: "model", detail: "", progress: null },
        reason: { code: "disk_full", message: "x", hint: "" },
      }),
      en,
    );
    expect(view).toMatchObject({ tone: "bad", title: en.service.degraded });
    expect(view.reason).toBe(`${en.stages.model} · ${en.problems.disk_full}`);
  });

  it("shows the stage alone for a code that it does not know and that came without words", () => {
    const stage = { name: "engine_worker", detail: "", progress: null };
    const view = viewService(known({ state: "degraded", stage, reason: { code: "new", message: "", hint: "" } }), en);
    expect(view.reason).toBe(en.stages.engine_worker);
  });

  it("keeps the server's words for a stage it does not know", () => {
    const view = viewService(known({ stage: { name: "tea", detail: "making tea", progress: null } }), en);
    expect(view.reason).toBe("making tea");
  });

  it("is short when all is well, and clear when nothing answers", () => {
    expect(viewService(known({ ready: true, state: "ready" }), en)).toMatchObject({ tone: "ready", title: "Ready" });
    expect(viewService({ kind: "offline" }, en).tone).toBe("bad");
    expect(viewService(known({ state: "draining" }), en).title).toBe(en.service.draining);
  });
});

it("sends only to a service that is known to be ready", () => {
  expect(isReady({ kind: "loading" })).toBe(false);
  expect(isReady({ kind: "offline" })).toBe(false);
  expect(isReady(known({ ready: true }))).toBe(true);
});
