import { MIXED, type Options, PROFILES, type Profile, SCRIPTS, type Script } from "./types";

/** What is sent: a field that is left out is the service's to decide. */
export function fields({ language, task, profile, hotwords, script }: Options): [string, string][] {
  const sent: [string, string][] = [];
  if (language === MIXED) sent.push(["language_detection", "window"]);
  else if (language) sent.push(["language", language]);
  sent.push(["task", task]);
  if (profile) sent.push(["profile", profile]);
  if (hotwords.trim()) sent.push(["hotwords", hotwords.trim()]);
  if (script) sent.push(["script", script]);
  return sent;
}

/** Without what a server elsewhere cannot be told: a choice of before it decoded must not stand in the way. */
export function understoodElsewhere(options: Options): Options {
  return { ...options, profile: "", language: options.language === MIXED ? "" : options.language };
}

/** A profile that was saved, by this version of the page or another one. */
export function knownProfile(saved: string | null): Profile | "" {
  return PROFILES.find((profile) => profile === saved) ?? "";
}

/** The same of a script of Chinese. */
export function knownScript(saved: string | null): Script | "" {
  return SCRIPTS.find((script) => script === saved) ?? "";
}
