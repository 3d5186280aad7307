// ClickHouse's engine, chDB, asked by a line each, a statement as a JSON string; it answers with
// {"native": base64} or {"error": ..., "code": ...}. All statements are of one session.
const { Session } = require("chdb");
const session = new Session();
const lines = require("readline").createInterface({ input: process.stdin });

async function answer(line) {
  try {
    const result = await session.queryAsync(JSON.parse(line), { format: "Native" });
    return { native: Buffer.from(result.bytes()).toString("base64") };
  } catch (e) {
    return { error: String(e.message), code: Number(e.clickhouseCode) || 1 };
  }
}

(async () => {
  for await (const line of lines) console.log(JSON.stringify(await answer(line)));
  session.close();
})();
