// Uploads a file with the real tus-js-client, as a page would: node tus_client.mjs PACKAGES '{"endpoint": …, "file": …}'
// Prints one JSON object: the upload's address, and the offset at which it went on if it was given one.
import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { Readable } from "node:stream";

const [, , packages, wish] = process.argv;
const tus = createRequire(packages)("tus-js-client");
const { file, abortAfter, terminate, live, ...options } = JSON.parse(wish);

function answer(body) {
  process.stdout.write(`${JSON.stringify({ url: upload.url, requests, ...body })}\n`);
}

const requests = [];
// A microphone gives what it has from time to time, and nobody knows how much will come.
const source = live ? Readable.from(createReadStream(file, { highWaterMark: 30_000 })) : createReadStream(file);
const upload = new tus.Upload(source, {
  retryDelays: [0, 20, 50, 100, 200, 500],
  ...(live ? { uploadLengthDeferred: true } : { uploadSize: options.uploadSize }),
  ...options,
  onAfterResponse: (request, response) => {
    requests.push(`${request.getMethod()} ${response.getStatus()}`);
  },
  onError: (error) => answer({ error: String(error) }),
  onSuccess: () => answer({ done: true }),
  onChunkComplete: (_size, accepted) => {
    if (abortAfter !== undefined && accepted >= abortAfter) {
      upload.abort(terminate).then(() => answer({ aborted: accepted }));
    }
  },
});
upload.start();
