import { chooseMediaType } from "./media-type";

/** Some browsers never report the end of a recording whose microphone has gone away. */
const STOP_DEADLINE_MS = 3000;
/** What a crash of the page can cost. */
const TIMESLICE_MS = 1000;
/** Asked for sooner once: an encoder that gives nothing shows early. */
const PROOF_MS = 600;

/** A recording by the browser's own encoder. */
export interface EncodedRecorder {
  mediaType: string;
  setPaused(paused: boolean): void;
  /** Hands over what has been encoded so far. */
  flush(): void;
  /** The last data comes before this ends. */
  stop(): Promise<void>;
}

/** Null where the browser has no encoder, or none that starts. */
export function startEncoded(
  stream: MediaStream,
  onData: (data: Blob) => void,
  onError: () => void,
): EncodedRecorder | null {
  const mediaType = supportedType();
  if (!mediaType) return null;
  try {
    const recorder = new MediaRecorder(stream, { mimeType: mediaType });
    const flush = (): void => {
      if (recorder.state === "recording") recorder.requestData();
    };
    recorder.ondataavailable = ({ data }) => {
      if (data.size > 0) onData(data);
    };
    recorder.onerror = onError;
    const stopped = new Promise<void>((resolve) => {
      recorder.onstop = () => resolve();
    });
    recorder.start(TIMESLICE_MS);
    setTimeout(flush, PROOF_MS);
    return {
      mediaType,
      flush,
      setPaused: (paused) => (paused ? recorder.pause() : recorder.resume()),
      stop: () => ended(recorder, stopped),
    };
  } catch {
    return null;
  }
}

function supportedType(): string | null {
  if (typeof MediaRecorder === "undefined") return null;
  return chooseMediaType((type) => MediaRecorder.isTypeSupported(type));
}

/** One that has ended by itself, as its microphone was unplugged, may still have its last data to hand over. */
function ended(recorder: MediaRecorder, stopped: Promise<void>): Promise<void> {
  if (recorder.state !== "inactive") recorder.stop();
  return new Promise((resolve) => {
    const deadline = setTimeout(resolve, STOP_DEADLINE_MS);
    void stopped.then(() => {
      clearTimeout(deadline);
      resolve();
    });
  });
}
