// Runs on the audio thread, whose globals TypeScript's DOM library does not have.
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

const BLOCK = 2048;

/** Hands the samples it hears to the page, some at a time: a message for each 128 samples would be a load of its own. */
class PcmTap extends AudioWorkletProcessor {
  private block = new Float32Array(BLOCK);
  private filled = 0;

  process(inputs: Float32Array[][]): boolean {
    const channel = inputs[0]?.[0];
    if (channel) this.append(channel);
    return true;
  }

  private append(channel: Float32Array): void {
    this.block.set(channel, this.filled);
    this.filled += channel.length;
    if (this.filled + channel.length <= BLOCK) return;
    this.port.postMessage(this.block.slice(0, this.filled));
    this.filled = 0;
  }
}

registerProcessor("pcm-tap", PcmTap);
