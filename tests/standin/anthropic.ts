/** The Messages API as Claude Code uses it: `POST /v1/messages?beta=true`, streamed. */

import { type Script, type Turn, turnAfter } from "./script.ts";
import { pieces, type SseEvent, sseResponse } from "./sse.ts";

interface MessagesRequest {
  readonly model?: string;
  readonly stream?: boolean;
  readonly messages?: readonly { readonly role?: string }[];
  readonly tools?: readonly { readonly name?: string }[];
}

/** Answers a request to api.anthropic.com; undefined when there is nothing at that path. */
export function answerAnthropic(
  method: string,
  path: string,
  body: string,
  script: Script,
): Response | undefined {
  if (method === "POST" && path === "/v1/messages") {
    return messages(JSON.parse(body) as MessagesRequest, script);
  }
  if (method === "POST" && path === "/v1/messages/count_tokens") return Response.json({ input_tokens: 1 });
  return undefined;
}

function messages(request: MessagesRequest, script: Script): Response {
  const played = request.messages?.filter((message) => message.role === "assistant").length ?? 0;
  // Side requests (a title, a summary) carry no tools: they get words.
  const turn = turnAfter(script, played);
  const canRun = request.tools?.some((tool) => tool.name === "Bash") ?? false;
  const message = messageOf(
    request.model ?? "unknown",
    "shell" in turn && !canRun ? { text: turn.shell } : turn,
  );
  return request.stream ? sseResponse(eventsOf(message)) : Response.json(message);
}

type Block =
  | { readonly type: "text"; readonly text: string }
  | {
    readonly type: "tool_use";
    readonly id: string;
    readonly name: "Bash";
    readonly input: { readonly command: string; readonly description: string };
  };

function messageOf(model: string, turn: Turn) {
  const block: Block = "text" in turn ? { type: "text", text: turn.text } : {
    type: "tool_use",
    id: `toolu_${crypto.randomUUID().replaceAll("-", "")}`,
    name: "Bash",
    input: { command: turn.shell, description: "run what the script says" },
  };
  return {
    id: `msg_${crypto.randomUUID().replaceAll("-", "")}`,
    type: "message",
    role: "assistant",
    model,
    content: [block],
    stop_reason: block.type === "text" ? "end_turn" : "tool_use",
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1 },
  };
}

function eventsOf(message: ReturnType<typeof messageOf>): readonly SseEvent[] {
  const block = message.content[0]!;
  const index = 0;
  const started = block.type === "text" ? { type: "text", text: "" } : { ...block, input: {} };
  const deltas = block.type === "text"
    ? pieces(block.text).map((text) => ({ type: "text_delta", text }))
    : pieces(JSON.stringify(block.input)).map((text) => ({ type: "input_json_delta", partial_json: text }));
  const { stop_reason, stop_sequence } = message;
  const events: Readonly<Record<string, unknown> & { type: string }>[] = [
    { type: "message_start", message: { ...message, content: [], stop_reason: null } },
    { type: "content_block_start", index, content_block: started },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
    { type: "message_delta", delta: { stop_reason, stop_sequence }, usage: { output_tokens: 1 } },
    { type: "message_stop" },
  ];
  return events.map((event) => [event.type, event]);
}
