/** What records and sends: a file of its own, which is loaded once the page is there to be looked at. */
export { openCapture } from "./capture";
export { createOutbox } from "./outbox";
