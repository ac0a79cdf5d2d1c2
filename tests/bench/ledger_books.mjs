// Books of many entries, as lines for LOAD DATA, one table after another into the pipes of a folder (ledger_verify):
//   node ledger_books.mjs FOLDER ENTRIES GRANTS_ACCOUNT,... REVENUE_ACCOUNT,...
// Transfer j of user u is the (j * users + u)th; the first one grants, all others charge. Chains as in domain/ledger_hash.c.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";

const [folder, nEntries, grants, revenue] = process.argv.slice(2);
const USERS = 10000, FIRST_ACCOUNT = 1000000, GRANT = 1000000000, CHARGE = 7;
const each = Math.max(2, Math.floor(Number(nEntries) / 2 / USERS)); // transfers of a user
const house = { grant: grants.split(",").map(Number), charge: revenue.split(",").map(Number) };
const spent = (each - 1) * CHARGE, left = GRANT - spent;
const userId = (u) => 1 + u;
const account = (u) => FIRST_ACCOUNT + u;
const transfer = (j, u) => 1 + j * USERS + u;

async function write(name, lines) {
  const out = createWriteStream(`${folder}/${name}`);
  let text = "";
  for (const line of lines) {
    text += line + "\n";
    if (text.length < 1 << 20) continue;
    if (!out.write(text)) await once(out, "drain");
    text = "";
  }
  out.end(text);
  await once(out, "close");
}

const heads = new Map();
const content = Buffer.alloc(72);

// The lines of one account's chain: [transfer, amount] each.
function* chain(id, moves) {
  let hash = Buffer.alloc(32), balance = 0, seq = 0;
  for (const [transferId, amount] of moves) {
    seq += 1;
    balance += amount;
    hash.copy(content);
    [id, seq, transferId, amount, balance].forEach((number, i) => {
      content.writeInt32BE(Math.floor(number / 2 ** 32), 32 + 8 * i);
      content.writeUInt32BE(number >>> 0, 36 + 8 * i);
    });
    hash = createHash("sha256").update(content).digest();
    yield `${id}\t${seq}\t${transferId}\t${amount}\t${balance}\t${hash.toString("hex")}`;
  }
  heads.set(id, `${id}\t${balance}\t${seq}\t${hash.toString("hex")}`);
}

function* ofUser(u) {
  for (let j = 0; j < each; j++) yield [transfer(j, u), j === 0 ? GRANT : -CHARGE];
}

function* ofShard(shard, nShards, first, end, amount) {
  for (let j = first; j < end; j++) for (let u = shard; u < USERS; u += nShards) yield [transfer(j, u), amount];
}

function* entries() {
  for (const [i, id] of house.grant.entries()) yield* chain(id, ofShard(i, house.grant.length, 0, 1, -GRANT));
  for (const [i, id] of house.charge.entries()) yield* chain(id, ofShard(i, house.charge.length, 1, each, CHARGE));
  for (let u = 0; u < USERS; u++) yield* chain(account(u), ofUser(u));
}

function* users(line) {
  for (let u = 0; u < USERS; u++) yield line(u);
}

function* transfers() {
  for (let j = 0; j < each; j++) for (let u = 0; u < USERS; u++) yield `${transfer(j, u)}\t${j === 0 ? "grant" : "charge"}`;
}

await write("users", users((u) => `${userId(u)}\tusr_books${u}\tbooks${u}@example.org\t1\t${left}\t${spent}`));
await write("accounts", users((u) => `${account(u)}\t${userId(u)}\t${left}\t0\t${"0".repeat(64)}`));
await write("transfers", transfers());
await write("entries", entries());
await write("lots", users((u) => `${userId(u)}\t${account(u)}\t${transfer(0, u)}\t${GRANT}\t${left}`));
await write("statements", users((u) => `${userId(u)}\t1\t${transfer(0, u)}\t${GRANT}`));
await write("heads", heads.values());
