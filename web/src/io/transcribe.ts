import { decode, type JobEvent } from "../lib/job";
import { fields } from "../lib/options";
import { localProblem, parseProblem } from "../lib/problem";
import { feed } from "../lib/sse";
import type { Options, Problem } from "../lib/types";

const ADDRESS = "/api/v1/transcriptions";
/** The server sends a comment every few seconds: after this much of nothing, the connection is dead. */
const STALL_MS = 120_000;

export interface Upload {
  audio: Blob;
  name: string;
  options: Options;
}

/**
 * Sends audio and tells what becomes of it, until `done` or `failed`; the function that it returns stops it without a word.
 * XMLHttpRequest, because `fetch` cannot tell how much has been uploaded.
 */
export function transcribe(upload: Upload, emit: (event: JobEvent) => void): () => void {
  const xhr = new XMLHttpRequest();
  const watchdog = createWatchdog(() => fail(localProblem("connection_lost")));
  const finish = (event: JobEvent): void => {
    watchdog.stop();
    xhr.onprogress = xhr.onload = xhr.onerror = xhr.upload.onprogress = null;
    xhr.abort();
    emit(event);
  };
  const fail = (problem: Problem): void => finish({ type: "failed", problem });
  const read = createReader(xhr, emit, finish);

  xhr.upload.onprogress = ({ loaded, total, lengthComputable }) => {
    watchdog.feed();
    if (lengthComputable) emit({ type: "uploaded", ratio: loaded / total });
  };
  xhr.onprogress = () => {
    watchdog.feed();
    if (xhr.status === 200) read();
  };
  xhr.onload = () => {
    if (xhr.status !== 200) fail(parseProblem(xhr.status, xhr.responseText));
    else if (!read()) fail(localProblem("connection_lost"));
  };
  xhr.onerror = () => fail(localProblem(xhr.status === 200 ? "connection_lost" : "network"));
  xhr.open("POST", ADDRESS);
  xhr.setRequestHeader("Accept", "text/event-stream");
  xhr.send(form(upload));
  return () => finish({ type: "cancelled" });
}

function form({ audio, name, options }: Upload): FormData {
  const data = new FormData();
  // Fields first: a server that reads the body as a stream knows the options before the audio comes.
  for (const [field, value] of fields(options)) data.append(field, value);
  data.append("file", audio, name);
  return data;
}

/** Reads what is new in the answer; tells whether the last event was among it. */
function createReader(
  xhr: XMLHttpRequest,
  emit: (event: JobEvent) => void,
  finish: (event: JobEvent) => void,
): () => boolean {
  let seen = 0;
  let rest = "";
  return () => {
    const fed = feed(rest, xhr.responseText.slice(seen));
    seen = xhr.responseText.length;
    rest = fed.rest;
    for (const event of decodeAll(fed.events)) {
      if (event.type === "done" || event.type === "failed") {
        finish(event);
        return true;
      }
      emit(event);
    }
    return false;
  };
}

function decodeAll(events: Parameters<typeof decode>[0][]): JobEvent[] {
  try {
    return events.flatMap((event) => decode(event) ?? []);
  } catch {
    return [{ type: "failed", problem: localProblem("bad_answer") }];
  }
}

function createWatchdog(onStall: () => void): { feed(): void; stop(): void } {
  let timer = setTimeout(onStall, STALL_MS);
  return {
    feed: () => {
      clearTimeout(timer);
      timer = setTimeout(onStall, STALL_MS);
    },
    stop: () => clearTimeout(timer),
  };
}
