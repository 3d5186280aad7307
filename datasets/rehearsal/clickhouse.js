// ClickHouse's engine, chDB, asked by a line of JSON each: {"statement": ..., "settings": {...}} is
// answered by {"native": base64} or {"error": ..., "code": ...}. All statements are of one session.
const { Session } = require("chdb");
const session = new Session();
const lines = require("readline").createInterface({ input: process.stdin });

async function answer(line) {
  const { statement, settings } = JSON.parse(line);
  try {
    for (const [name, value] of Object.entries(settings)) session.query(`SET ${name} = '${value}'`);
    const result = await session.queryAsync(statement, { format: "Native" });
    return { native: Buffer.from(result.bytes()).toString("base64") };
  } catch (e) {
    return { error: String(e.message), code: e.clickhouseCode || 0 };
  }
}

(async () => {
  for await (const line of lines) console.log(JSON.stringify(await answer(line)));
  session.close();
})();
