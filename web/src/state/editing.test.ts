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
  let answer: { ok: boolean; problem?: Problem } = { ok: true };
  const its = {
    slots,
    problem,
    indexOf: (id: string) => slots().findIndex((known) => known?.id === id),
    readAll: async () => undefined,
    need: async () => undefined,
    head: () => ({ version: 3 }),
    submit: async () => answer,
  };
  const editor = createRoot(() => createLineEditor(its as unknown as Document, () => undefined));
  const refuse = (code: string): void => {
    answer = { ok: false, problem: { code, detail: "" } };
  };
  return { editor, setSlots, setProblem, refuse };
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

it("saves what is being typed when its page is left, and has nothing to keep then", async () => {
  const { editor } = transcript();
  await editor.open(0);
  editor.input("mine");
  expect(editor.draft()).toMatchObject({ version: 3, index: 0, edit: { draft: "mine" } });
  expect(await editor.leave()).toBeNull();
  expect(editor.draft()).toBeNull();
});

it.each(["save", "split"] as const)("waits for a line that is being saved when its page is left: %s", async (how) => {
  const { editor, refuse } = transcript();
  await editor.open(0);
  editor.input("mine and yours");
  refuse("network");
  void editor[how](4);
  expect(editor.draft()).toMatchObject({ edit: { kind: "typing", draft: "mine and yours" } });
  expect(await editor.leave()).toMatchObject({ edit: { draft: "mine and yours", problem: { code: "network" } } });
});

it("goes on with a draft where it was left, unless another line is being edited or its own cannot be read", async () => {
  const before = transcript();
  await before.editor.open(1);
  before.editor.input("mine");
  before.refuse("network");
  const draft = await before.editor.leave();
  if (!draft) throw new Error("nothing was kept");

  const { editor, setSlots } = transcript();
  await editor.open(0);
  expect(await editor.goOn(draft)).toBe(false);
  editor.cancel();
  setSlots([line("a"), undefined]);
  expect(await editor.goOn(draft)).toBe(false);
  setSlots([line("a"), line("b")]);
  expect(await editor.goOn(draft)).toBe(true);
  expect(editor.state()).toMatchObject({ kind: "typing", id: "b", draft: "mine", problem: { code: "network" } });
});
