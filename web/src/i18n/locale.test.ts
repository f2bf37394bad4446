import { expect, it, vi } from "vitest";
import { loadTexts } from "./dictionaries";
import type { Texts } from "./en";
import { locale, sentences, setLocale } from "./locale";

vi.mock("./dictionaries");

it("speaks the language that was chosen last, whichever comes last", async () => {
  const come: ((texts: Texts) => void)[] = [];
  vi.mocked(loadTexts).mockImplementation(() => new Promise((resolve) => come.push(resolve)));
  const changes = [setLocale("ja"), setLocale("id")];
  for (const arrive of come.reverse()) arrive({} as Texts);
  expect(await Promise.all(changes)).toEqual([true, true]);
  expect(locale()).toBe("id");
});

it("puts a space between sentences where the language does", async () => {
  vi.mocked(loadTexts).mockResolvedValue({} as Texts);
  await setLocale("zh-TW");
  expect(sentences("連不上服務。", "", "錄音已保存。")).toBe("連不上服務。錄音已保存。");
  await setLocale("en");
  expect(sentences("", "No network.", "It is kept.")).toBe("No network. It is kept.");
});
