import { chooseMediaType } from "../lib/media-type";

/** Some browsers never report the end of a recording whose microphone has gone away. */
const STOP_DEADLINE_MS = 3000;
/** Short enough that a crash of the encoder costs little, and that a browser that delivers nothing is soon noticed. */
const TIMESLICE_MS = 500;

/** A recording by the browser's own encoder. */
export interface EncodedRecorder {
  bytes(): number;
  setPaused(paused: boolean): void;
  stop(): Promise<Blob>;
}

/** Null where the browser has no encoder, or none that starts. */
export function startEncoded(stream: MediaStream, onData: () => void, onError: () => void): EncodedRecorder | null {
  const mediaType = supportedType();
  if (!mediaType) return null;
  const chunks: Blob[] = [];
  let bytes = 0;
  try {
    const recorder = new MediaRecorder(stream, { mimeType: mediaType });
    recorder.ondataavailable = ({ data }) => {
      if (data.size === 0) return;
      chunks.push(data);
      bytes += data.size;
      onData();
    };
    recorder.onerror = onError;
    recorder.start(TIMESLICE_MS);
    return {
      bytes: () => bytes,
      setPaused: (paused) => (paused ? recorder.pause() : recorder.resume()),
      stop: async () => {
        await ended(recorder);
        return new Blob(chunks, { type: mediaType });
      },
    };
  } catch {
    return null;
  }
}

function supportedType(): string | null {
  if (typeof MediaRecorder === "undefined") return null;
  return chooseMediaType((type) => MediaRecorder.isTypeSupported(type));
}

function ended(recorder: MediaRecorder): Promise<void> {
  if (recorder.state === "inactive") return Promise.resolve();
  return new Promise((resolve) => {
    const deadline = setTimeout(resolve, STOP_DEADLINE_MS);
    recorder.onstop = () => {
      clearTimeout(deadline);
      resolve();
    };
    recorder.stop();
  });
}
