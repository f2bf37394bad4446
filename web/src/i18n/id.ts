import type { PartialTexts } from "./dictionaries";

export const id: PartialTexts = {};
