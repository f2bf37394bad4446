import type { PartialTexts } from "./dictionaries";

export const vi: PartialTexts = {};
