import { expect, it, vi } from "vitest";
import { startEncoded } from "./encoded";

class Recorder {
  static last: Recorder;
  static isTypeSupported = (): boolean => true;
  state = "inactive";
  ondataavailable: (event: { data: Blob }) => void = () => undefined;
  onstop: () => void = () => undefined;
  constructor() {
    Recorder.last = this;
  }
  start(): void {
    this.state = "recording";
  }
  requestData(): void {}
}
vi.stubGlobal("MediaRecorder", Recorder);

it("waits for the last data of a recorder that has ended by itself", async () => {
  const heard: string[] = [];
  const recorder = startEncoded(
    {} as MediaStream,
    () => heard.push("data"),
    () => undefined,
  );
  const { last } = Recorder;
  // The microphone was unplugged: it is inactive at once, and tells of its last data and of its end later.
  last.state = "inactive";
  const stopped = recorder?.stop().then(() => heard.push("end"));
  await Promise.resolve();
  last.ondataavailable({ data: new Blob(["z"]) });
  last.onstop();
  await stopped;
  expect(heard).toEqual(["data", "end"]);
});
