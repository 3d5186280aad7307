// What a client in JavaScript can do at Parley's PostgreSQL door: node client.js DRIVER, where DRIVER is pg or postgres.
// Prints a line an ability: its name, yes or no, and a reason, with tabs between them. PARLEY_DOORS and PARLEY_WRONG_CA
// are as for client.py; NODE_PATH leads to the drivers.
'use strict';
const fs = require('fs');
const path = require('path');
const texts = JSON.parse(fs.readFileSync(path.join(__dirname, 'abilities.json'), 'utf8'));
const door = new URL(JSON.parse(fs.readFileSync(process.env.PARLEY_DOORS, 'utf8')).postgres);
const parameters = door.searchParams;
const text = (name) => texts[name].replace('{1}', '$1').replace('{2}', '$2');
const user = decodeURIComponent(door.username);
const password = decodeURIComponent(door.password);
const database = door.pathname.slice(1);
const port = Number(door.port);
const secured = (ca) => ({ ca: fs.readFileSync(ca || parameters.get('sslrootcert')), servername: door.hostname });

function need(condition, said) {
  if (!condition) throw new Error(said);
}

async function report(ability, run) {
  let answer = 'yes', reason = '';
  try {
    reason = (await run()) || '';
  } catch (e) {
    answer = 'no';
    reason = `${e.code || e.name}: ${e.message}`;
  }
  console.log([ability, answer, String(reason).replace(/\s+/g, ' ').slice(0, 300)].join('\t'));
}

const say = (rows) => rows.map((row) => row.map((v, i) => v === null ? '-' : v === true ? 't' : v === false ? 'f' :
  texts.columns[i] === 'mean_age' ? Number(v).toFixed(4) : String(v)).join(',')).join('; ');

async function refused(run, codes, at) {
  try {
    await run();
  } catch (e) {
    need(codes.some((c) => e.code === c || e.message.includes(c)), `refused otherwise: ${e.code} ${e.message}`);
    need(!at || Number(e.position) === at, `position ${e.position}`);
    return e;
  }
  throw new Error('answered');
}

function checkLiterals(row, moment) {
  need(String(row.whole) === '9007199254740993', `whole is ${row.whole}`);
  need(row.exact === '12345.678900', `exact is ${row.exact}`);
  need(row.words === 'naïve, 中文', `words is ${row.words}`);
  need(row.day instanceof Date, `day is ${row.day}`);
  need(row.yes === true && row.real === 0.1 && row.nothing === null, JSON.stringify([row.yes, row.real, row.nothing]));
  need(row.moment.getTime() === Date.UTC(2024, 1, 29, 12), `moment is ${row.moment}`);
}

async function withPg() {
  const { Client } = require('pg');
  const Cursor = require('pg-cursor');
  const connect = async (o) => {
    const c = new Client({ host: door.hostname, port, user, password, database, options: parameters.get('options'), ssl: secured(), ...o });
    c.on('error', () => {});
    await c.connect();
    return c;
  };
  const notices = [];
  const c = await connect();
  c.on('notice', (n) => notices.push(n.message));
  await report('connect', async () => need((await c.query('SELECT 1 AS one')).rows[0].one === 1, 'SELECT 1'));
  await report('plain refused', async () => void await refused(() => connect({ ssl: false }), ['no encryption', 'TLS', 'SSL', '28000']));
  await report('TLS required', async () => (await connect({ ssl: { rejectUnauthorized: false } })).end());
  await report('TLS verified', async () => (await connect()).end());
  await report('wrong CA', async () => void await refused(() => connect({ ssl: secured(process.env.PARLEY_WRONG_CA) }),
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SELF_SIGNED_CERT_IN_CHAIN', 'CERT_SIGNATURE_FAILURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY']));
  await report('wrong password', async () => void await refused(() => connect({ user: 'javascript', password: 'no' }), ['28P01']));
  await report('tables', async () => need((await c.query(text('relations'), ['public'])).rows.some((r) => r.table_name === 'register'), 'no register'));
  await report('comments', async () => need(Number((await c.query(texts.comment)).rows[0].comments) > 0, 'none'));
  await report('question', async () => {
    const r = await c.query({ text: text('prepared'), values: [20, new Date('1999-12-31T00:00:00')], rowMode: 'array' });
    need(r.fields.map((f) => f.name).join() === texts.columns.join(), 'columns');
    return say(r.rows);
  });
  await report('notices', async () => need(notices.length > 0, 'none heard'));
  await report('certificate', async () => need(Buffer.isBuffer((await c.query(texts.certificate)).rows[0].certificate), 'none'));
  await report('types', async () => checkLiterals((await c.query(texts.literals)).rows[0]));
  await report('prepared', async () => {
    for (const schema of ['public', 'parley']) need((await c.query({ name: 'p', text: text('relations'), values: [schema] })).rows.length > 0, schema);
  });
  await report('explain', async () => need((await c.query('EXPLAIN ' + texts.question)).rows.length > 1, 'nothing'));
  await report('transactions', async () => {
    await c.query('BEGIN');
    await refused(() => c.query('SELECT nosuch'), ['42703']);
    await refused(() => c.query('SELECT 1'), ['25P02']);
    await c.query('ROLLBACK');
  });
  await report('cursor', async () => {
    const cursor = c.query(new Cursor(texts.rows));
    const few = await cursor.read(7), rest = await cursor.read(1000000);
    await cursor.close();
    need(few.length === 7 && rest.length > 0, `${few.length} and ${rest.length}`);
  });
  await report('error position', async () => void await refused(() => c.query(texts.unknown), ['42703'], texts.unknownAt));
  await report('refusal', async () => need((await refused(() => c.query(texts.withheld), ['0A000', '42501'])).hint, 'no hint'));
  await c.end();
}

async function withPostgres() {
  const postgres = require('postgres');
  const notices = [];
  const connect = (o) => postgres({ host: door.hostname, port, user, password, database, max: 1, ssl: secured(), connect_timeout: 10,
    connection: { options: parameters.get('options') }, onnotice: (n) => notices.push(n.message), ...o });
  const once = async (o) => {
    const s = connect(o);
    try {
      await s`SELECT 1`;
    } finally {
      await s.end({ timeout: 1 });
    }
  };
  const sql = connect();
  await report('connect', async () => need((await sql`SELECT 1 AS one`)[0].one === 1, 'SELECT 1'));
  await report('plain refused', async () => void await refused(() => once({ ssl: false }), ['no encryption', 'TLS', 'SSL', '28000']));
  await report('TLS required', () => once({ ssl: 'require' }));
  await report('TLS verified', () => once());
  await report('wrong CA', async () => void await refused(() => once({ ssl: secured(process.env.PARLEY_WRONG_CA) }),
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SELF_SIGNED_CERT_IN_CHAIN', 'CERT_SIGNATURE_FAILURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY']));
  await report('wrong password', async () => void await refused(() => once({ user: 'javascript', password: 'no' }), ['28P01']));
  await report('tables', async () => need((await sql.unsafe(text('relations'), ['public'])).some((r) => r.table_name === 'register'), 'no register'));
  await report('comments', async () => need(Number((await sql.unsafe(texts.comment))[0].comments) > 0, 'none'));
  await report('question', async () => {
    const rows = await sql.unsafe(text('prepared'), [20, '1999-12-31']).values();
    return say(rows);
  });
  await report('notices', async () => need(notices.length > 0, 'none heard'));
  await report('certificate', async () => need(Buffer.isBuffer((await sql.unsafe(texts.certificate))[0].certificate), 'none'));
  await report('types', async () => checkLiterals((await sql.unsafe(texts.literals))[0]));
  await report('prepared', async () => {
    for (const schema of ['public', 'parley']) need((await sql.unsafe(text('relations'), [schema], { prepare: true })).length > 0, schema);
  });
  await report('explain', async () => need((await sql.unsafe('EXPLAIN ' + texts.question)).length > 1, 'nothing'));
  await report('transactions', () => sql.begin(async (s) => {
    await s.savepoint(async (inner) => inner`SELECT 1`);
  }).then(() => ''));
  await report('cursor', async () => {
    const sizes = [];
    await sql.unsafe(texts.rows).cursor(7, (rows) => { sizes.push(rows.length); });
    need(sizes.length > 1 && sizes[0] === 7, sizes.join());
  });
  await report('error position', async () => void await refused(() => sql.unsafe(texts.unknown), ['42703'], texts.unknownAt));
  await report('refusal', async () => need((await refused(() => sql.unsafe(texts.withheld), ['0A000', '42501'])).hint, 'no hint'));
  await report('cancel', async () => {
    const q = sql.unsafe(texts.sleep);
    setTimeout(() => q.cancel(), 1000);
    const began = Date.now();
    await refused(() => q, ['57014']);
    need(Date.now() - began < 10000, 'late');
  });
  await sql.end({ timeout: 1 });
}

({ pg: withPg, postgres: withPostgres })[process.argv[2]]().catch((e) => {
  console.error(e);
  process.exit(1);
});
