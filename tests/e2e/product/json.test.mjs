// What is a body, and what is refused as one: the same reader stands before every route (assurance.md F-16, F-69..F-74).
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { Visitor, signIn, sql } from "../support.mjs";

let token, user, used = 0;

before(async () => {
  ({ token, user } = await signIn());
});

const increment = (body, headers = {}) => new Visitor({ token }).post("/api/usage/increment", body, { headers });
const record = (body) => new Visitor({ token }).post("/api/usage/record", body);
const usedNow = async () => (await new Visitor({ token }).get("/api/usage/check")).body.used;

async function isTaken(body, headers, why, n = 1) {
  const answer = await increment(body, headers);
  assert.equal(answer.status, 200, `${why}: ${answer.text}`);
  used += n;
  assert.equal(answer.body.used, used, why);
}

test("what is not JSON is refused, and has no effect", async () => {
  const bytes = (...parts) => Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))));
  const cases = {
    "unfinished object": '{"n":1',
    "unfinished text": '{"n',
    "only a brace": "{",
    "blanks only": "  \n",
    "two documents": '{"n":1}{"n":1}',
    "text behind": '{"n":1} x',
    "a comma behind": '{"n":1},',
    "comma before the end": '{"n":1,}',
    "two commas": '{"n":1,,"x":1}',
    "no colon": '{"n" 1}',
    "no quotes at a key": "{n:1}",
    "single quotes at a key": "{'n':1}",
    "single quotes at a value": `{"turn_id":'a'}`,
    "a comment": '{"n":1/* one */}',
    "a comment at the end": '{"n":1}// one',
    "capital TRUE": '{"n":TRUE}',
    "undefined": '{"n":undefined}',
    "NaN": '{"n":NaN}',
    "Infinity": '{"n":Infinity}',
    "-Infinity": '{"n":-Infinity}',
    "plus": '{"n":+1}',
    "leading zero": '{"n":01}',
    "minus only": '{"n":-}',
    "no digit before the point": '{"n":.5}',
    "no digit after the point": '{"n":1.}',
    "no exponent": '{"n":1e}',
    "too large": '{"x":1e400}',
    "hexadecimal": '{"n":0x1}',
    "full-width digit": '{"n":１}',
    "duplicate key": '{"n":1,"n":2}',
    "duplicate key, equal": '{"n":1,"n":1}',
    "duplicate key by escape": '{"n":1,"\\u006e":2}',
    "duplicate key deep inside": '{"x":[{"a":1,"a":2}]}',
    "raw tab in text": '{"turn_id":"a\tb"}',
    "raw line feed in text": '{"turn_id":"a\nb"}',
    "raw NUL in text": bytes('{"turn_id":"a', [0], 'b"}'),
    "NUL behind": bytes('{"n":1}', [0]),
    "NUL in a key": bytes('{"n', [0], '":1}'),
    "escaped NUL": '{"turn_id":"a\\u0000b"}',
    "unknown escape": '{"turn_id":"\\x61"}',
    "short escape": '{"turn_id":"\\u00"}',
    "lone surrogate": '{"turn_id":"\\ud800"}',
    "lone low surrogate": '{"turn_id":"\\udc00"}',
    "surrogates the wrong way round": '{"turn_id":"\\udc00\\ud800"}',
    "byte order mark": '\ufeff{"n":1}',
    "UTF-16": Buffer.from('{"n":1}', "utf16le"),
    "Latin-1": bytes('{"turn_id":"', [0xe9], '"}'),
    "overlong": bytes('{"turn_id":"', [0xc0, 0xaf], '"}'),
    "surrogate in UTF-8": bytes('{"turn_id":"', [0xed, 0xa0, 0x80], '"}'),
    "beyond Unicode": bytes('{"turn_id":"', [0xf4, 0x90, 0x80, 0x80], '"}'),
    "cut character": bytes('{"turn_id":"', [0xe2, 0x82], '"}'),
    "form": "n=1&turn_id=a",
    "no-break space": '{\u00a0"n":1}',
    "vertical tab": '{\v"n":1}',
  };
  for (const [name, body] of Object.entries(cases)) {
    const answer = await increment(body);
    assert.equal(answer.status, 400, `${name}: ${answer.status} ${answer.text}`);
    assert.equal(answer.body.error, "invalid_json", name);
  }
  assert.equal(await usedNow(), used);
});

test("what JSON allows is taken", async () => {
  const cases = {
    "blanks around": ' \t\r\n{ "n" : 1 } \n',
    "an escape in a key": '{"\\u006e":1}',
    "unknown keys of every kind": '{"n":1,"x":[null,true,{"y":"\\ud83d\\ude00"},1.5e3,-0,""]}',
    "an empty key": '{"":1,"n":1}',
    "a solidus escaped": '{"turn_id":"a\\/b"}',
    "null is absent": '{"n":null}',
    "characters of four bytes": '{"turn_id":"\u{1f600}"}',
  };
  for (const [name, body] of Object.entries(cases)) await isTaken(body, {}, name);
});

test("64 levels are read, 65 are not, nor 10 000", async () => {
  const nested = (open, close, levels) => `{"x":${open.repeat(levels - 1)}${open === "[" ? "" : "1"}${close.repeat(levels - 1)}}`;
  await isTaken(nested("[", "]", 64), {}, "arrays");
  await isTaken(nested('{"a":', "}", 64), {}, "objects");
  for (const body of [nested("[", "]", 65), nested('{"a":', "}", 65), "[".repeat(60000), '{"a":'.repeat(13000)]) {
    const answer = await increment(body);
    assert.equal(answer.status, 400);
    assert.equal(answer.body.error, "invalid_json");
    assert.match(answer.body.message, /nested too deeply/);
  }
});

test("an empty body is {}", async () => {
  for (const [body, headers] of [["", {}], [undefined, {}], ["", { "Content-Type": "text/plain" }], [undefined, { "Content-Length": "0" }]])
    await isTaken(body, headers, JSON.stringify(headers));
});

test("a body says that it is JSON", async () => {
  for (const type of ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8", "application/json ; x=y"])
    await isTaken('{"n":1}', { "Content-Type": type }, type);
  for (const type of ["text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", "application/problem+json", "application", "", "json"]) {
    const answer = await increment('{"n":1}', { "Content-Type": type });
    assert.equal(answer.status, 415, type);
    assert.equal(answer.body.error, "unsupported_media_type", type);
  }
});

test("a compressed body is refused, whatever is in it (F-62)", async () => {
  const bomb = gzipSync(Buffer.alloc(30 * 1024 * 1024));
  assert.ok(bomb.length < 64 * 1024);
  for (const encoding of ["gzip", "deflate", "br", "zstd", "x-gzip", "GZIP", "gzip, gzip", "identity, gzip", "unknown"])
    for (const body of [gzipSync('{"n":1}'), bomb, Buffer.from('{"n":1}'), Buffer.alloc(65537)]) {
      const answer = await increment(body, { "Content-Encoding": encoding });
      assert.equal(answer.status, 415, encoding);
      assert.equal(answer.body.error, "unsupported_media_type", encoding);
    }
  await isTaken('{"n":1}', { "Content-Encoding": "identity" }, "identity is no coding");
});

test("64 KiB fit, one byte more does not", async () => {
  const sized = (bytes) => `{"n":1,"x":"${"a".repeat(bytes - 14)}"}`;
  assert.equal(sized(65536).length, 65536);
  await isTaken(sized(65536), {}, "64 KiB");
  for (const bytes of [65537, 200_000]) {
    const answer = await increment(sized(bytes));
    assert.equal(answer.status, 413);
    assert.equal(answer.body.error, "payload_too_large");
    assert.equal(typeof answer.body.message, "string");
    assert.ok(answer.headers["x-request-id"]);
  }
});

test("integers are exact or refused (F-16, F-71)", async () => {
  const cases = {
    "0": "min", "-0": "min", "-1": "min", "1001": "max", "9223372036854775807": "max", "-9223372036854775808": "min",
    "9223372036854775808": "range", "18446744073709551615": "range", "-9223372036854775809": undefined, "18446744073709551616": undefined,
    "1e2": "integer", "1.0": "integer", "1.5": "integer", "0.1e1": "integer", '"1"': "integer", "true": "integer", "[1]": "integer", "{}": "integer",
    '"1e3"': "integer", "4294967297": "max", "9007199254740993": "max", "100000000000000000000000000000": undefined,
  };
  for (const [text, rule] of Object.entries(cases)) {
    const answer = await increment(`{"n":${text}}`);
    assert.equal(answer.status, 400, `${text}: ${answer.text}`);
    if (rule === undefined) continue; // refused by the reader or by the field
    assert.equal(answer.body.error, "bad_request", text);
    assert.deepEqual(answer.body.faults.map((f) => [f.field, f.rule]), [["n", rule]], text);
  }
  assert.equal(await usedNow(), used);
  await isTaken('{"n":10}', {}, "ten", 10);
});

test("all faults are told at once", async () => {
  const answer = await record({ ts: -1, model: "", provider: 7, input_tokens: -5, output_tokens: "many", cost_usd: -1, id: "x".repeat(65) });
  assert.equal(answer.status, 400);
  assert.equal(answer.body.error, "bad_request");
  const faults = Object.fromEntries(answer.body.faults.map(({ field, rule }) => [field, rule]));
  assert.deepEqual(faults, { id: "max", ts: "range", model: "min", provider: "string", input_tokens: "min", output_tokens: "integer", cost_usd: "range" });
  const missing = await record({});
  assert.deepEqual(missing.body.faults, ["ts", "model", "provider"].map((field) => ({ field, rule: "required" })));
  for (const body of ["[1]", '"text"', "1", "true", "null"]) {
    const other = await increment(body);
    assert.equal(other.status, 400, body);
    assert.deepEqual(other.body.faults, [{ field: "", rule: "object" }], body);
  }
});

test("lengths of texts are characters and are kept to", async () => {
  await isTaken(JSON.stringify({ turn_id: "é".repeat(64) }), {}, "64 characters");
  const answer = await increment({ turn_id: "é".repeat(65) });
  assert.deepEqual(answer.body.faults, [{ field: "turn_id", rule: "max", limit: 64 }]);
});

test("money comes in as a decimal number and is rounded up in micro-dollars (F-17, F-18)", async () => {
  const item = (cost, id) => `{"id":"${id}","ts":1714000000,"model":"m","provider":"p","cost_usd":${cost}}`;
  const exact = { "0": 0, "0.1": 100000, "0.30000000000000004": 300001, "0.0000001": 1, "0.000001": 1, "0.0000010": 1, "1.10": 1100000, "999.999999": 999999999,
    "1000": 1000000000, "1e-3": 1000, "1E2": 100000000, "1e-7": 1, "2.5e-6": 3 };
  for (const cost of Object.keys(exact)) assert.equal((await record(item(cost, `cost ${cost}`))).status, 200, cost);
  const rows = await sql(`SELECT SUBSTR(client_id, 6), cost_micro FROM usage_event JOIN users USING (user_id) WHERE public_id = '${user.id}' AND client_id LIKE 'cost %'`);
  assert.deepEqual(Object.fromEntries(rows.map(([cost, micro]) => [cost, Number(micro)])), exact);
  for (const cost of ["-0.01", "-1e-9", "1000.000001", '"0.1"', "99999999999999999999", "1e18", "1e300", "1e400", "1e99999999999"]) assert.equal((await record(item(cost, "bad"))).status, 400, cost);
});
