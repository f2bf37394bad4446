/** A request of which nothing is heard for this long, neither sent bytes nor an answer, is dead. */
const STALL_MS = 30_000;

export interface Request {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: Blob | string;
  onSent?: (bytes: number) => void;
  signal?: AbortSignal | undefined;
}

/** `status` is 0 where there was no answer. */
export interface Reply {
  status: number;
  body: string;
  header(name: string): string | null;
}

/** XMLHttpRequest, because `fetch` cannot tell how much has been sent. Never rejects. */
export function request({ method, url, headers, body, onSent, signal }: Request): Promise<Reply> {
  return new Promise((resolve) => {
    const xhr = new XMLHttpRequest();
    const abort = (): void => xhr.abort();
    let stalled = setTimeout(abort, STALL_MS);
    const heard = (): void => {
      clearTimeout(stalled);
      stalled = setTimeout(abort, STALL_MS);
    };
    xhr.upload.onprogress = ({ loaded }) => {
      heard();
      onSent?.(loaded);
    };
    xhr.onprogress = heard;
    xhr.onloadend = () => {
      clearTimeout(stalled);
      signal?.removeEventListener("abort", abort);
      resolve({ status: xhr.status, body: xhr.responseText, header: (name) => xhr.getResponseHeader(name) });
    };
    signal?.addEventListener("abort", abort);
    xhr.open(method, url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.send(body);
  });
}
