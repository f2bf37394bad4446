import { expect, it, vi } from "vitest";
import { loadTexts } from "./dictionaries";
import type { Texts } from "./en";
import { locale, setLocale } from "./locale";

vi.mock("./dictionaries");

it("speaks the language that was chosen last, whichever comes last", async () => {
  const come: ((texts: Texts) => void)[] = [];
  vi.mocked(loadTexts).mockImplementation(() => new Promise((resolve) => come.push(resolve)));
  const changes = [setLocale("ja"), setLocale("id")];
  for (const arrive of come.reverse()) arrive({} as Texts);
  expect(await Promise.all(changes)).toEqual([true, true]);
  expect(locale()).toBe("id");
});
