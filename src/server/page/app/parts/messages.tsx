import type { Message } from "../api/types.js";
import { whole } from "../logic/format.js";
import { Code } from "./basic.js";

export function Messages({ messages }: { messages: Message[] }) {
  return (
    <div>
      {messages.map((message, at) => (
        <div key={at} class="message">
          <h3>{message.role ?? "message"}</h3>
          <Code text={messageText(message)} label={`Message of ${message.role ?? "unknown"}`} />
        </div>
      ))}
    </div>
  );
}

/** A message's text, whatever form its content has; other parts as JSON. */
export function messageText(message: Message): string {
  const content = message.text ?? message.content ?? message.parts;
  if (!Array.isArray(content)) return whole(content ?? message);
  return content
    .map((part: unknown) => (typeof part === "object" && part !== null && typeof (part as { text?: unknown }).text === "string" ? (part as { text: string }).text : whole(part)))
    .join("\n");
}
