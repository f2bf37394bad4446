/** What the server says: the shapes of `/api/v1`, and of the problems it answers with (RFC 9457). */

export interface ServiceReason {
  code: string;
  message: string;
  hint: string;
}

export interface ServiceStage {
  name: string;
  detail: string;
  progress: number | null;
}

export interface SpokenLanguage {
  code: string;
  name: string;
}

export interface ServiceStatus {
  version: string;
  ready: boolean;
  state: "starting" | "ready" | "degraded" | "draining";
  reason: ServiceReason | null;
  stage: ServiceStage | null;
  model: string;
  models: string[];
  /** Whether the words are found here, or by a server elsewhere that is sent the sound. */
  engine: "local" | "remote";
  /** What counts where nothing is chosen. */
  profile: Profile;
  languages: SpokenLanguage[];
  limits: { max_body_bytes: number; max_duration_s: number };
}

export interface Segment {
  id: number;
  start: number;
  end: number;
  text: string;
}

export const FORMATS = ["txt", "srt", "vtt", "json", "docx"] as const;
export type Format = (typeof FORMATS)[number];

export interface Problem {
  code: string;
  detail: string;
  hint?: string;
  request_id?: string;
}

export type Task = "transcribe" | "translate";

export const PROFILES = ["fast", "balanced", "accurate"] as const;
export type Profile = (typeof PROFILES)[number];

export const SCRIPTS = ["traditional", "simplified", "as_heard"] as const;
export type Script = (typeof SCRIPTS)[number];

/** In the place of a language: it changes within the recording. */
export const MIXED = "mixed";

export interface Options {
  /** ISO 639-1 or `MIXED`; empty lets the model find out. */
  language: string;
  task: Task;
  /** Empty leaves it to the service. */
  profile: Profile | "";
  /** Names and terms to favour, separated by commas. */
  hotwords: string;
  /** How Chinese is written; empty leaves it to the service. */
  script: Script | "";
}
