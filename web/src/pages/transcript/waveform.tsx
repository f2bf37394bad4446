import { createEffect, createSignal, type JSX, on, onCleanup, onMount, Show } from "solid-js";
import WaveSurfer from "wavesurfer.js";
import { readWaveform } from "../../api/transcripts";
import { t } from "../../i18n/locale";
import { decodePeaks, type Peaks } from "../../lib/transcript/peaks";
import { contrast, theme } from "../../state/appearance";
import { useReading } from "./reading";

/** Its style sheet has this height in it, and the content security policy the digest of that sheet. */
const HEIGHT_PX = 40;
const MOST_PEAKS = 4000;
const DARK = window.matchMedia("(prefers-color-scheme: dark)");

/** The sound as a picture, in which one can point; without it where there are no peaks. */
export default function Waveform(props: { recording: string }): JSX.Element {
  const reading = useReading();
  const [peaks, setPeaks] = createSignal<Peaks | null>(null);
  const abort = new AbortController();
  onCleanup(() => abort.abort());
  let asking = false;
  const ask = async (): Promise<void> => {
    if (asking || peaks()) return;
    asking = true;
    const told = reading.waveforms();
    const data = await readWaveform(props.recording, abort.signal);
    asking = false;
    if (abort.signal.aborted) return;
    if (data) setPeaks(decodePeaks(data, MOST_PEAKS));
    // It was made while the service was asked.
    else if (told !== reading.waveforms()) void ask();
  };
  onMount(() => void ask());
  createEffect(on(reading.waveforms, () => void ask(), { defer: true }));
  return <Show when={peaks()}>{(known) => <Drawn peaks={known()} />}</Show>;
}

function Drawn(props: { peaks: Peaks }): JSX.Element {
  const { listening } = useReading();
  let box: HTMLDivElement | undefined;
  onMount(() => {
    if (!box) return;
    const drawn = WaveSurfer.create({
      container: box,
      media: listening.element,
      peaks: [props.peaks.values],
      duration: props.peaks.duration,
      height: HEIGHT_PX,
      normalize: true,
      barWidth: 2,
      barGap: 1,
      barRadius: 2,
      cursorWidth: 2,
      dragToSeek: true,
      hideScrollbar: true,
      ...colours(box),
    });
    const paint = (): void => drawn.setOptions(colours(drawn.getWrapper()));
    createEffect(on([theme, contrast], paint, { defer: true }));
    DARK.addEventListener("change", paint);
    onCleanup(() => {
      DARK.removeEventListener("change", paint);
      drawn.destroy();
    });
  });
  // What it shows and does is in the slider upon it as well.
  return <div class="player__wave" ref={box} title={t().listen.waveform} aria-hidden="true" data-testid="waveform" />;
}

/** It paints on a canvas, which knows no variables of the style sheet. */
function colours(near: HTMLElement): { waveColor: string; progressColor: string; cursorColor: string } {
  const style = getComputedStyle(near);
  const [waveColor, progressColor] = [style.color, style.accentColor];
  return { waveColor, progressColor, cursorColor: progressColor };
}
