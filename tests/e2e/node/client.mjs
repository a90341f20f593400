// A client that knows PROTOCOL.md and nothing else: publishes a CSV under water-quality, verifies the receipt.
//
// node client.mjs <agency home> <hub jurisdiction> <proto directory> <csv> [tamper]
//
// Prints one JSON object. With `tamper`, changes the receipt in one place after another and says what each change led to.
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const [home, jurisdiction, protos, csv, tamper] = process.argv.slice(2);
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const hex = (bytes) => `sha256:${Buffer.from(bytes).toString('hex')}`;

// Canonical JSON: members in order of their UTF-16 code units, which is how JavaScript sorts; no floats are signed here.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}

const instant = (date) => date.toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
const pae = (type, payload) =>
  Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload]);

// Raw Ed25519 public keys as Node wants them: SubjectPublicKeyInfo (RFC 8410) is a fixed prefix and the key.
const ed25519 = (raw) =>
  createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]), format: 'der', type: 'spki' });
const rawOf = (key) => createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
const keyId = (raw) => `ed25519:${sha256('ed25519', Buffer.of(0), raw).toString('hex', 0, 16)}`;

function envelopeOf(manifest, key) {
  const type = 'application/vnd.hechuan.manifest+json';
  const payload = Buffer.from(canonical(manifest));
  const signature = sign(null, pae(type, payload), key);
  return {
    id: hex(sha256(payload)),
    bytes: Buffer.from(
      canonical({
        payload: payload.toString('base64'),
        payloadType: type,
        signatures: [{ keyid: keyId(rawOf(key)), sig: signature.toString('base64') }],
      }),
    ),
  };
}

// RFC 9162, 2.1.3.2.
function rootOf(leaf, index, size, path) {
  if (index >= size) throw new Error('the index is beyond the tree');
  let [fn, sn, root] = [index, size - 1n, leaf];
  for (const step of path) {
    if (sn === 0n) throw new Error('the path is too long');
    if (fn & 1n || fn === sn) {
      root = sha256(Buffer.of(1), step, root);
      while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      root = sha256(Buffer.of(1), root, step);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  if (sn !== 0n) throw new Error('the path is too short');
  return root;
}

// PROTOCOL.md, "Checkpoints and receipts": steps 1 to 5.
function verifyReceipt(text, logKey, id, digest) {
  const blank = text.indexOf('\n\n');
  const lines = text.slice(0, blank).split('\n');
  const note = text.slice(blank + 2);
  if (lines.shift() !== 'c2sp.org/tlog-proof@v1') throw new Error('not a receipt');
  const extra = Buffer.from(lines.shift().replace(/^extra /, ''), 'base64');
  const index = BigInt(lines.shift().replace(/^index /, ''));
  const path = lines.map((line) => Buffer.from(line, 'base64'));

  const [name, , encoded] = logKey.match(/^(.+)\+([0-9a-f]{8})\+(.+)$/).slice(1);
  const keyBytes = Buffer.from(encoded, 'base64');
  const noteId = sha256(name, '\n', keyBytes).subarray(0, 4);
  const end = note.lastIndexOf('\n\n') + 1;
  const body = note.slice(0, end);
  const signatures = note.slice(end + 1).trimEnd().split('\n');
  const signed = signatures.some((line) => {
    const [, by, base64] = line.match(/^— (\S+) (\S+)$/) ?? [];
    const bytes = Buffer.from(base64 ?? '', 'base64');
    return (
      by === name &&
      bytes.subarray(0, 4).equals(noteId) &&
      verify(null, Buffer.from(body), ed25519(keyBytes.subarray(1)), bytes.subarray(4))
    );
  });
  const [origin, size, root] = body.split('\n');
  if (!signed || origin !== name) throw new Error('the log did not sign the checkpoint'); // 1

  const found = rootOf(sha256(Buffer.of(0), extra), index, BigInt(size), path);
  if (found.toString('base64') !== root) throw new Error('the entry is not in the tree'); // 2

  const entry = JSON.parse(extra);
  const payload = Buffer.from(entry.envelope.payload, 'base64');
  const [keyid, publisher] = entry.public_key.split(' ');
  const raw = Buffer.from(publisher, 'base64');
  const vouched = entry.envelope.signatures.some(
    (each) =>
      each.keyid === keyid &&
      keyid === keyId(raw) &&
      verify(null, pae(entry.envelope.payloadType, payload), ed25519(raw), Buffer.from(each.sig, 'base64')),
  );
  if (entry.kind !== 'batch' || !vouched) throw new Error('the publisher did not sign the manifest'); // 3
  if (entry.batch !== hex(sha256(payload)) || entry.batch !== id) throw new Error('another batch'); // 4
  if (JSON.parse(payload).digest !== digest) throw new Error('another file'); // 5
  return { index: Number(index), size: Number(size), verdict: entry.verdict };
}

function connect(card) {
  const definition = loader.loadSync(['exchange/v1/exchange.proto'], { includeDirs: [protos], keepCase: true });
  const { exchange } = grpc.loadPackageDefinition(definition);
  const credentials = grpc.credentials.createSsl(
    Buffer.from(card.authority),
    readFileSync(join(home, 'tls.key')),
    readFileSync(join(home, 'tls.pem')),
  );
  return new exchange.v1.ExchangeService(card.address, credentials);
}

function publish(client, envelope, data) {
  return new Promise((resolve, reject) => {
    const deadline = new Date(Date.now() + 60_000);
    const call = client.Publish(new grpc.Metadata(), { deadline }, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
    call.write({ envelope, data: data.subarray(0, 1 << 20) });
    for (let at = 1 << 20; at < data.length; at += 1 << 20) call.write({ data: data.subarray(at, at + (1 << 20)) });
    call.end();
  });
}

// One change of a receipt after another: in the entry, the index, the path, the root, the signature.
function* changes(text) {
  const at = (offset) => text.slice(0, offset) + (text[offset] === 'A' ? 'B' : 'A') + text.slice(offset + 1);
  yield ['entry', at(text.indexOf('extra ') + 40)];
  yield ['index', text.replace(/\nindex (\d+)/, (_, digits) => `\nindex ${BigInt(digits) + 1n}`)];
  yield ['root', at(text.lastIndexOf('\n\n') - 20)];
  yield ['signature', at(text.indexOf('\n', text.indexOf('\n\u2014 ') + 1) - 20)]; // Ed25519's line is the first
}

const card = JSON.parse(readFileSync(join(home, 'hubs', `${jurisdiction}.json`)));
const agency = readFileSync(join(home, 'profile.toml'), 'utf8').match(/agency = "(.+)"/)[1];
const key = createPrivateKey(readFileSync(join(home, 'signing.key')));
const data = readFileSync(csv);
const now = new Date();
const digest = hex(sha256(data));
const envelope = envelopeOf(
  {
    bytes: data.length,
    contract: 'water-quality@1.0.0',
    corrects: [],
    created_at: instant(now),
    dataset: `${agency}/water-quality`,
    digest,
    expires_at: instant(new Date(now.getTime() + 3_600_000)),
    idempotency_key: `node-${now.getTime()}`,
    kind: 'observation',
    media_type: 'text/csv',
    period: null,
    publisher: agency,
    rows: null,
    v: 1,
  },
  key,
);
const client = connect(card);
const answer = await publish(client, envelope.bytes, data);
const again = await publish(client, envelope.bytes, data);
const result = {
  id: envelope.id,
  duplicate: [answer.duplicate ?? false, again.duplicate ?? false],
  same_receipt: answer.receipt === again.receipt,
  ...verifyReceipt(answer.receipt, card.log_key, envelope.id, digest),
};
if (tamper) {
  result.tampered = {};
  for (const [name, text] of changes(answer.receipt)) {
    try {
      verifyReceipt(text, card.log_key, envelope.id, digest);
      result.tampered[name] = 'accepted';
    } catch (error) {
      result.tampered[name] = error.message;
    }
  }
}
client.close();
console.log(JSON.stringify(result));
