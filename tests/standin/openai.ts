/** The Responses API as Codex uses it, with a ChatGPT login (chatgpt.com) or an API key (api.openai.com). */

import { type Script, type Turn, turnAfter } from "./script.ts";
import { pieces, type SseEvent, sseResponse } from "./sse.ts";

const ACCOUNT = "acct-x";

interface ResponsesRequest {
  readonly model?: string;
  readonly input?: readonly { readonly type?: string; readonly role?: string }[];
  readonly tools?: readonly { readonly name?: string }[];
}

/** Answers a request to chatgpt.com or api.openai.com; undefined when there is nothing at that path. */
export function answerOpenAi(
  method: string,
  path: string,
  body: string,
  script: Script,
): Response | undefined {
  if (path === "/backend-api/codex/responses" || path === "/v1/responses") {
    if (method === "POST") return responses(JSON.parse(body) as ResponsesRequest, script);
    // The WebSocket that Codex tries first. Refused so, it falls back to POST at once.
    if (method === "GET") return new Response("use POST\n", { status: 426 });
  }
  if (method === "GET" && path === "/backend-api/wham/accounts/check") return Response.json(accountsCheck());
  if (method === "GET" && /^\/(backend-api\/codex|v1)\/models$/.test(path)) {
    return Response.json({ models: [] });
  }
  return undefined;
}

function accountsCheck() {
  return {
    accounts: [{
      id: ACCOUNT,
      structure: "personal",
      plan_type: "plus",
      workspace_backend_origin: "https://chatgpt.com",
      account_routing_override: "NO_CONSTRAINT",
    }],
    default_account_id: ACCOUNT,
    account_ordering: [ACCOUNT],
  };
}

function responses(request: ResponsesRequest, script: Script): Response {
  const input = request.input ?? [];
  const played = input.filter((item) => item.type === "function_call_output").length;
  return sseResponse(eventsOf(request.model ?? "unknown", itemOf(turnAfter(script, played))));
}

type Item = Readonly<Record<string, unknown> & { type: string; id: string }>;

function itemOf(turn: Turn): Item {
  const id = crypto.randomUUID().replaceAll("-", "");
  if ("text" in turn) {
    const content = [{ type: "output_text", text: turn.text, annotations: [] }];
    return { type: "message", id: `msg_${id}`, role: "assistant", status: "completed", content };
  }
  return {
    type: "function_call",
    id: `fc_${id}`,
    call_id: `call_${id}`,
    name: "exec_command",
    arguments: JSON.stringify({ cmd: turn.shell }),
    status: "completed",
  };
}

function eventsOf(model: string, item: Item): readonly SseEvent[] {
  const response = { id: `resp_${crypto.randomUUID().replaceAll("-", "")}`, object: "response", model };
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
  const text = item.type === "message" ? (item.content as { text: string }[])[0]!.text : undefined;
  const deltas = text === undefined ? [] : pieces(text).map((delta) => ({
    type: "response.output_text.delta",
    item_id: item.id,
    output_index: 0,
    content_index: 0,
    delta,
  }));
  const events: Readonly<Record<string, unknown> & { type: string }>[] = [
    { type: "response.created", response: { ...response, status: "in_progress", output: [] } },
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { ...item, status: "in_progress", content: [] },
    },
    ...deltas,
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response: { ...response, status: "completed", output: [item], usage } },
  ];
  return events.map((event, sequence_number) => [event.type, { ...event, sequence_number }]);
}
