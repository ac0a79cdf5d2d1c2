// A turnpike-sandbox-ai of one's own, and calls to it that show every byte and how it ended.
import { spawn } from "node:child_process";
import http from "node:http";
import path from "node:path";
import { STATE } from "../support.mjs";

const BIN = process.env.TURNPIKE_BIN ?? path.join(STATE, "bin");

export const WORDS = ["alpha ", "bravo ", "charlie ", "delta ", "echo ", "foxtrot ", "golf ", "hotel ", "india ", "juliett ",
  "kilo ", "lima ", "mike ", "november ", "oscar ", "papa "];

// What a model says in so many tokens.
export function words(n) {
  return Array.from({ length: n }, (_, i) => WORDS[i % 16]).join("");
}

// The five dialects as a test needs them: how to ask, and where the text is.
export const DIALECTS = {
  openai: {
    path: "/v1/chat/completions", isChat: true,
    body: (text, more) => ({ model: "m", messages: [{ role: "user", content: text }], ...more }),
    text: (body) => body.choices[0].message.content,
    delta: (frame) => frame.choices?.[0]?.delta?.content,
    usage: (o) => o.usage && [o.usage.prompt_tokens, o.usage.completion_tokens],
  },
  completions: {
    path: "/v1/completions",
    body: (text, more) => ({ model: "m", prompt: text, suffix: "}", ...more }),
    text: (body) => body.choices[0].text,
    delta: (frame) => frame.choices?.[0]?.text,
    usage: (o) => o.usage && [o.usage.prompt_tokens, o.usage.completion_tokens],
  },
  mistral: {
    path: "/v1/fim/completions",
    body: (text, more) => ({ model: "m", prompt: text, suffix: "}", ...more }),
    text: (body) => body.choices[0].message.content,
    delta: (frame) => frame.choices?.[0]?.delta?.content,
    usage: (o) => o.usage && [o.usage.prompt_tokens, o.usage.completion_tokens],
  },
  infill: {
    path: "/infill",
    body: (text, more) => ({ input_prefix: text, input_suffix: "}", ...more }),
    text: (body) => body.content,
    delta: (frame) => frame.content,
    usage: (o) => o.stop && "tokens_predicted" in o ? [o.tokens_evaluated, o.tokens_predicted] : undefined,
  },
  anthropic: {
    path: "/v1/messages", isChat: true,
    body: (text, more) => ({ model: "m", max_tokens: 1000000, messages: [{ role: "user", content: text }], ...more }),
    text: (body) => body.content.filter((b) => b.type === "text").map((b) => b.text).join(""),
    delta: (frame) => frame.delta?.text,
    usage: (o) => o.usage && [o.usage.input_tokens, o.usage.output_tokens],
  },
};

export class Models {
  static async start() {
    const models = new Models();
    models.child = spawn(path.join(BIN, "turnpike-sandbox-ai"), ["--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
    const line = await new Promise((resolve, reject) => {
      models.child.stdout.once("data", (data) => resolve(String(data)));
      models.child.once("exit", (code) => reject(new Error(`turnpike-sandbox-ai ended with ${code}`)));
    });
    models.port = Number(/listening on 127\.0\.0\.1:(\d+)/.exec(line)[1]);
    models.url = `http://127.0.0.1:${models.port}`;
    return models;
  }

  // Resolves to its exit status: a sanitizer's complaint would be one that is not 0.
  stop() {
    const ended = new Promise((resolve) => this.child.once("exit", (code, signal) => resolve(code ?? signal)));
    this.child.kill("SIGTERM");
    return ended;
  }

  // One call. parts: the body as it came, each with its time; end: how it ended ("end", or an error's code); leave: a
  // function that is called with the answer so far after each part and may return true to hang up.
  send(method, target, body, { key = "k-test", headers = {}, agent, leave, timeout = 30000 } = {}) {
    const data = body === undefined || typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const started = performance.now();
    const all = { "anthropic-version": "2023-06-01", ...headers };
    if (key) all.Authorization = `Bearer ${key}`;
    if (data !== undefined) Object.assign(all, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(data) });
    return new Promise((resolve) => {
      const answer = { parts: [], end: undefined };
      const done = (end) => {
        answer.end ??= end;
        answer.ms = performance.now() - started;
        answer.bytes = Buffer.concat(answer.parts.map((p) => p.data));
        answer.text = answer.bytes.toString();
        if (answer.end === "end" && answer.headers?.["content-type"] === "application/json") try { answer.body = JSON.parse(answer.text); } catch { /* none */ }
        resolve(answer);
      };
      const call = http.request(this.url + target, { method, headers: all, agent: agent ?? new http.Agent(), timeout }, (incoming) => {
        Object.assign(answer, { status: incoming.statusCode, headers: incoming.headers, first_ms: performance.now() - started });
        incoming.on("data", (part) => {
          answer.parts.push({ data: part, ms: performance.now() - started });
          if (leave?.(answer)) { answer.end = "left"; call.destroy(); }
        });
        incoming.on("end", () => done("end"));
        incoming.on("error", (error) => done(error.code));
      });
      call.on("timeout", () => { answer.end = "timeout"; call.destroy(); });
      call.on("error", (error) => done(error.code));
      call.end(data);
    });
  }

  // A call in a dialect, programmed by a directive.
  ask(dialect, directive, more = {}, options = {}) {
    const { path: target, body } = DIALECTS[dialect];
    return this.send("POST", target, body(directive ? `go [[sandbox: ${directive}]]` : "go", more), options);
  }

  async stream(dialect, directive, more = {}, options = {}) {
    const answer = await this.ask(dialect, directive, { stream: true, ...more }, options);
    answer.events = events(answer.text);
    answer.frames = answer.events.map((e) => e.json).filter((json) => json !== undefined);
    return answer;
  }

  async served(query = "") {
    return (await this.send("GET", `/sandbox/ai/served${query}`)).body;
  }

  async records(query = "") {
    return (await this.served(`?detail=1${query}`)).requests;
  }
}

// Server-sent events: [{event, data, json}]; json is undefined for what is none.
export function events(text) {
  return text.split("\n\n").filter((block) => block !== "").map((block) => {
    const lines = block.split("\n"), data = lines.find((l) => l.startsWith("data: "))?.slice(6);
    let json;
    try { json = JSON.parse(data); } catch { /* [DONE], or garbage */ }
    return { event: lines.find((l) => l.startsWith("event: "))?.slice(7), data, json };
  });
}
