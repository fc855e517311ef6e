#!/bin/sh
# Has the npm package standardwebhooks verify signature/testdata/standard-webhooks.json, which a test holds Flashpay's headers to, byte for
# byte; and refuse the same with another body. It needs node, npm and its registry, so it is not in CI.
set -eu
cd "$(dirname "$0")/.."
command -v npm >/dev/null || { echo "webhooks.sh: npm is missing: apt-get install npm" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-fund --no-audit --prefix "$work" standardwebhooks@1.1.1 >/dev/null
NODE_PATH="$work/node_modules" node - signature/testdata/standard-webhooks.json <<'JS'
const { Webhook } = require("standardwebhooks");
const vectors = JSON.parse(require("fs").readFileSync(process.argv[2], "utf8"));
for (const v of vectors) {
  Date.now = () => v.timestamp * 1000;
  const headers = { "webhook-id": v.id, "webhook-timestamp": String(v.timestamp), "webhook-signature": v.signature };
  const webhook = new Webhook(v.secret);
  webhook.verify(v.body, headers, { jsonParse: false });
  let refused = false;
  try { webhook.verify(v.body + " ", headers, { jsonParse: false }); } catch { refused = true; }
  if (!refused) throw new Error(v.id + ": a changed body verifies");
}
if (vectors.length === 0) throw new Error("no vectors");
console.log(vectors.length + " of " + vectors.length + " verified");
JS
