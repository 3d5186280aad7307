#!/usr/bin/env bash
# ClickHouse: count and sum of CASE WHEN condition THEN NULL ELSE x END. A good guess is that they aggregate what the
# CASE gives for each row: where the condition is NULL, that is x. Rows whose condition is NULL are left out, because
# an optimisation turns the aggregate into one with -If over NOT condition, which is NULL there and counts as false. The
# same CASE outside an aggregate gives x.
#
#   versions   chdb 3.4.0 from npm, the engine of ClickHouse 26.7.2.1 in a library; run with Node 20 on linux/amd64
#   cause      optimize_rewrite_aggregate_function_with_if, on by default
#   instead    set it to 0 for the statement, or write CASE WHEN coalesce(condition, false) THEN NULL ELSE x END
#   shown      three rows, one with a NULL in the condition: the values of the CASE by row; count and sum as they come;
#              the same with the setting at 0; the same with coalesce
#   needs      Node 18 or newer and npm with its registry or a filled cache
#   runtime    about 10 s, and a download of some 150 MB the first time
#   exit       0 where it is seen, 1 where it is not
#
# Seen on 2026-11-29:
#
#   ClickHouse 26.7.2.1
#   by row                     1, 2, 3
#   count, sum                 2, 4
#   with the setting at 0      3, 6
#   with coalesce              3, 6
#   all as expected
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export npm_config_cache=${npm_config_cache:-$folder/cache}
echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund chdb@3.4.0

cat >main.js <<'EOF'
const { query } = require("chdb");

const rows = "(SELECT c1 AS i, c2 AS b FROM values('c1 Int64, c2 Nullable(Int64)', (1, 2), (2, NULL), (3, 4)))";
const value = (condition) => `CASE WHEN ${condition} THEN NULL ELSE i END`;
const ask = (what, settings = "") => query(`SELECT ${what} FROM ${rows}${settings}`, "CSV").trim().replaceAll('"', "").replaceAll(",", ", ");
const both = (v) => `count(${v}), sum(${v})`;

console.log("ClickHouse " + query("SELECT version()", "CSV").trim().replaceAll('"', ""));
const seen = {
  "by row": ask(value("i = b"), " ORDER BY i").replaceAll("\n", ", "),
  "count, sum": ask(both(value("i = b"))),
  "with the setting at 0": ask(both(value("i = b")), " SETTINGS optimize_rewrite_aggregate_function_with_if = 0"),
  "with coalesce": ask(both(value("coalesce(i = b, false)"))),
};
const expected = { "by row": "1, 2, 3", "count, sum": "2, 4", "with the setting at 0": "3, 6", "with coalesce": "3, 6" };
let good = true;
for (const [what, got] of Object.entries(seen)) {
  console.log(what.padEnd(26) + " " + got);
  good = good && got === expected[what];
}
console.log(good ? "all as expected" : "NOT as expected");
process.exitCode = good ? 0 : 1;
EOF
node main.js
