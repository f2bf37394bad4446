import type { Problem } from "../lib/types";
import type { Sending } from "./machine";

/** What a person is told of the way of a recording to the service. Sizes are bytes. */
export interface SendingView {
  phase: "going_on" | "sending" | "waiting" | "held" | "needs_file" | "refused" | "complete" | "cancelled";
  sent: number;
  stored: number;
  problem: Problem | null;
}

export function viewOf(sending: Sending, needsFile: boolean): SendingView {
  const sent = sending.acknowledged ?? sending.released;
  return { phase: phaseOf(sending, needsFile), sent, stored: sending.stored, problem: sending.problem };
}

function phaseOf({ outcome, wish, problem, ended }: Sending, needsFile: boolean): SendingView["phase"] {
  if (outcome !== "open") return outcome;
  if (wish === "cancel") return "cancelled";
  if (needsFile) return "needs_file";
  if (wish === "hold") return "held";
  if (problem) return "waiting";
  return ended ? "sending" : "going_on";
}

/** Whether the service has all of it that there is. */
export function isSafe({ phase, sent, stored }: SendingView): boolean {
  return phase === "complete" || (sent >= stored && stored > 0);
}

/** The share of it that the service has, from 0 to 1. */
export function shareOf({ phase, sent, stored }: SendingView): number | null {
  if (phase === "complete") return 1;
  return stored > 0 ? Math.min(1, sent / stored) : null;
}
