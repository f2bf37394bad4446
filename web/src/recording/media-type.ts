/** Opus in WebM is what the server decodes fastest; Firefox always has Ogg; Safari has MP4 alone. */
const PREFERRED = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4", "audio/webm"];

const EXTENSIONS: Record<string, string> = {
  "audio/webm": "webm",
  "audio/ogg": "ogg",
  "audio/mp4": "m4a",
  "audio/wav": "wav",
};

/** Always names a type: without one Firefox records Ogg and says ''. */
export function chooseMediaType(isSupported: (type: string) => boolean): string | null {
  return PREFERRED.find(isSupported) ?? null;
}

export function extensionOf(mediaType: string): string {
  return EXTENSIONS[mediaType.split(";")[0]?.trim() ?? ""] ?? "bin";
}
