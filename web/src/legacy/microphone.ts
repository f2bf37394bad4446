type Asked = (
  constraints: MediaStreamConstraints,
  done: (stream: MediaStream) => void,
  failed: (error: unknown) => void,
) => void;

/** `mediaDevices.getUserMedia`, by the older way of Chrome before version 53. Undefined where there is none either. */
export function microphoneOf(browser: Navigator): MediaDevices["getUserMedia"] | undefined {
  const asked = (browser as { webkitGetUserMedia?: Asked }).webkitGetUserMedia;
  if (!asked) return undefined;
  return (constraints = {}) => new Promise((done, failed) => asked.call(browser, constraints, done, failed));
}
