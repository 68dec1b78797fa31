// Times JsSIP's parser: reads {"message": text, "first": number, "count": n} a line, answers {"seconds": s} a line.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url);
const Parser = require("jssip/lib/Parser.js");
const userAgent = {}; // IncomingRequest only keeps it

for await (const line of createInterface({ input: process.stdin })) {
  const { message, first, count } = JSON.parse(line);
  const messages = Array.from({ length: count }, (_, i) => message.replaceAll("NNNNNN", String(first + i).padStart(6, "0")));
  const parsed = Parser.parseMessage(messages[0], userAgent);
  if (!parsed || !parsed.via_branch || !parsed.parseHeader("contact")) throw new Error("JsSIP did not parse the message");
  const start = process.cpuUsage();
  for (const text of messages) Parser.parseMessage(text, userAgent).parseHeader("contact");
  const used = process.cpuUsage(start);
  const seconds = (used.user + used.system) / 1e6;
  process.stdout.write(`${JSON.stringify({ seconds })}\n`);
}
