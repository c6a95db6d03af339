// A customer on nostr-tools, driven by a test: one JSON object per line each
// way.
//
//   in:   {"say": "text", "via": "nip17" | "nip04"}
//   out:  {"up": true}, {"said": "text", "id", "at"}, {"heard": "text", "id", "at", "via", "replyTo"}
//
// Environment: RELAY, SECRET (hex), BOT (hex public key).
import { createInterface } from "node:readline";
import { finalizeEvent, getPublicKey } from "nostr-tools/pure";
import { Relay, useWebSocketImplementation } from "nostr-tools/relay";
import * as nip04 from "nostr-tools/nip04";
import * as nip17 from "nostr-tools/nip17";
import { hexToBytes } from "nostr-tools/utils";
import WebSocket from "ws";

useWebSocketImplementation(WebSocket);
const { RELAY, SECRET, BOT } = process.env;
const secret = hexToBytes(SECRET);
const me = getPublicKey(secret);
const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const seconds = () => Math.floor(Date.now() / 1000);

let newest = 0; // date of the newest message there is
const heard = (text, rumor, via) => {
  newest = Math.max(newest, rumor.created_at);
  const e = rumor.tags.findLast((t) => t[0] === "e");
  tell({ heard: text, id: rumor.id, at: rumor.created_at, via, replyTo: e ? e[1] : "" });
};

const relay = await Relay.connect(RELAY);
const known = new Set();
relay.subscribe([{ kinds: [1059], "#p": [me] }, { kinds: [4], "#p": [me] }], {
  onevent(event) {
    if (event.kind === 4) {
      if (event.pubkey === BOT) heard(nip04.decrypt(secret, BOT, event.content), event, "nip04");
      return;
    }
    const rumor = nip17.unwrapEvent(event, secret);
    if (rumor.pubkey !== BOT || rumor.kind !== 14 || known.has(rumor.id)) return;
    known.add(rumor.id);
    heard(rumor.content, rumor, "nip17");
  },
  oneose: () => tell({ up: true }),
});

for await (const line of createInterface({ input: process.stdin })) {
  const { say, via } = JSON.parse(line);
  // A person reads before they answer. (The dates of Nostr are whole seconds.)
  while (seconds() <= newest) await new Promise((resolve) => setTimeout(resolve, 50));
  let event, id, at;
  if (via === "nip17") {
    // Only the recipient can open the wrap, so the answer tells the id.
    [id, at] = ["", Math.ceil(Date.now() / 1000)];
    event = nip17.wrapEvent(secret, { publicKey: BOT }, say);
  } else {
    event = finalizeEvent(
      { kind: 4, created_at: seconds(), tags: [["p", BOT]], content: nip04.encrypt(secret, BOT, say) },
      secret,
    );
    ({ id, created_at: at } = event);
  }
  newest = Math.max(newest, at);
  await relay.publish(event);
  tell({ said: say, id, at });
}
relay.close();
