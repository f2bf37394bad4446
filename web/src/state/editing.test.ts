import { createRoot, createSignal } from "solid-js";
import { expect, it } from "vitest";
import type { Line } from "../lib/transcript/types";
import type { Problem } from "../lib/types";
import { createLineEditor } from "./editing";
import type { Document } from "./transcript";

function line(id: string): Line {
  return { id, start: 0, end: 1, text: `text of ${id}` } as Line;
}

/** A transcript that somebody else edits, or that cannot be read any more. */
function transcript() {
  const [slots, setSlots] = createSignal<(Line | undefined)[]>([line("a"), line("b")]);
  const [problem, setProblem] = createSignal<Problem | null>(null);
  const its = {
    slots,
    problem,
    indexOf: (id: string) => slots().findIndex((known) => known?.id === id),
    readAll: async () => undefined,
    submit: async () => ({ ok: true }),
  };
  const editor = createRoot(() => createLineEditor(its as unknown as Document, () => undefined));
  return { editor, setSlots, setProblem };
}

it("keeps in sight what was typed in a line that somebody else has taken away, until the user decides", async () => {
  const { editor, setSlots } = transcript();
  await editor.open(0);
  editor.input("mine");
  setSlots([line("b")]);
  await editor.save();
  expect(editor.state()).toMatchObject({ kind: "conflict", draft: "mine", theirs: null });
  expect(editor.homeless()).toBe(true);
  editor.cancel();
  await editor.open(0);
  expect(editor.state()).toMatchObject({ kind: "typing", id: "b" });
  expect(editor.homeless()).toBe(false);
});

it("takes no line for gone that could not be read", async () => {
  const { editor, setSlots, setProblem } = transcript();
  await editor.open(0);
  editor.input("mine");
  setSlots([undefined, line("b")]);
  setProblem({ code: "network", detail: "" });
  await editor.save();
  expect(editor.state()).toMatchObject({ kind: "typing", draft: "mine", problem: { code: "network" } });
});
