import type { PartialTexts } from "./dictionaries";

export const th: PartialTexts = {};
