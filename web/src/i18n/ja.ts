import type { PartialTexts } from "./dictionaries";

export const ja: PartialTexts = {};
