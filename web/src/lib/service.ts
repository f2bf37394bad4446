import type { Texts } from "../i18n/en";
import { isKnownProblem, problemText } from "./problem";
import type { ServiceStatus } from "./types";

/** What the page knows of the service. */
export type Service = { kind: "loading" } | { kind: "offline" } | { kind: "known"; status: ServiceStatus };

export interface ServiceView {
  tone: "ready" | "busy" | "bad";
  title: string;
  /** What it is doing, or why it cannot. */
  reason: string;
  /** What the user can do meanwhile. */
  advice: string;
  progress: number | null;
}

export function isReady(service: Service): boolean {
  return service.kind === "known" && service.status.ready;
}

/** Whether the sound is sent on to another server. */
export function decodesElsewhere(service: Service): boolean {
  return service.kind === "known" && service.status.engine === "remote";
}

/** The state of the service in the user's language. */
export function viewService(service: Service, texts: Texts): ServiceView {
  const { service: s } = texts;
  if (service.kind === "loading") return { tone: "busy", title: s.loading, reason: "", advice: "", progress: null };
  if (service.kind === "offline") {
    return { tone: "bad", title: s.offline, reason: "", advice: s.offlineDetail, progress: null };
  }
  const { status } = service;
  if (status.ready) return { tone: "ready", title: s.ready, reason: s.model(status.model), advice: "", progress: null };
  return {
    ...headline(status, texts),
    reason: [stageText(status, texts), reasonText(status, texts)].filter(Boolean).join(" · "),
    progress: status.stage?.progress ?? null,
  };
}

function headline({ state }: ServiceStatus, { service: s }: Texts): Pick<ServiceView, "tone" | "title" | "advice"> {
  if (state === "draining") return { tone: "busy", title: s.draining, advice: s.drainingDetail };
  if (state === "degraded") return { tone: "bad", title: s.degraded, advice: s.degradedDetail };
  return { tone: "busy", title: s.starting, advice: s.startingDetail };
}

function stageText({ stage }: ServiceStatus, texts: Texts): string {
  if (!stage) return "";
  if (stage.name === "model" && stage.detail.startsWith("downloading")) return texts.service.downloading;
  const known: Record<string, string> = texts.stages;
  return known[stage.name] ?? stage.detail;
}

/** `not_ready` says no more than the headline does; the stage says why. Whoever does not run the service gets no message,
 * and a code that the page does not know adds nothing then. */
function reasonText({ reason }: ServiceStatus, texts: Texts): string {
  if (!reason || reason.code === "not_ready" || reason.code === "draining") return "";
  return isKnownProblem(texts, reason.code) || reason.message ? problemText(texts, reason.code, reason.message) : "";
}
