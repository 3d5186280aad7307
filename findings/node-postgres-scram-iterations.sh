#!/usr/bin/env bash
# node-postgres: a server keeps SCRAM-SHA-256 verifiers of as many iterations as it likes (PostgreSQL's scram_iterations
# goes to 2,147,483,647; the advice for PBKDF2 with SHA-256 is 600,000 now), and tells the client how many. A good guess is
# that every client follows. pg refuses more than 100,000 by default, without sending its proof: who raises the count on
# a server locks its Node.js users out. postgres.js follows.
#
#   versions   pg 8.23.1, postgres 3.4.9; run with Node.js 20 on linux/amd64
#   cause      pg/lib/crypto/sasl.js, DEFAULT_MAX_SCRAM_ITERATIONS
#   instead    keep 100,000 iterations and demand longer passwords; or set scramMaxIterations in each client (0: no limit)
#   shown      a server's side of the exchange up to the challenge: with 100,000 both answer with a proof; with 100,001 pg
#              raises an error and postgres.js answers
#   needs      Node.js and npm
#   runtime    about 3 s, and as long as the packages take to install
#   exit       0 where it is as described, 1 where not
#
# Seen on 2026-12-01:
#
#   pg, 100000 iterations: proof sent
#   postgres, 100000 iterations: proof sent
#   pg, 100001 iterations: SASL: SCRAM-SERVER-FIRST-MESSAGE: iteration count 100001 exceeds scramMaxIterations of 100000
#   postgres, 100001 iterations: proof sent
#   as described
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent pg@8.23.1 postgres@3.4.9

cat >main.js <<'END'
const net = require('net')
const { Client } = require('pg')
const postgres = require('postgres')

// message is one of the server's: a type, its length, a body.
function message(type, body) {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

// request is an authentication request of a kind (10: SASL, 11: SASLContinue).
function request(kind, text) {
  const body = Buffer.alloc(4)
  body.writeInt32BE(kind)
  return message('R', Buffer.concat([body, Buffer.from(text)]))
}

// outcome is what a client makes of a challenge of so many iterations.
function outcome(iterations, login) {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => {
      let step = 0
      socket.on('error', () => {})
      socket.on('data', (data) => {
        if (step === 0) socket.write(request(10, 'SCRAM-SHA-256\0\0'))
        if (step === 1) {
          const nonce = /r=([^,]*)/.exec(data.toString('latin1'))[1]
          socket.write(request(11, `r=${nonce}server,s=${Buffer.alloc(16, 7).toString('base64')},i=${iterations}`))
        }
        if (step === 2) {
          resolve(/,p=/.test(data.toString('latin1')) ? 'proof sent' : 'something else sent')
          socket.destroy()
          server.close()
        }
        step++
      })
    })
    server.listen(0, '127.0.0.1', () => login(server.address().port).catch((error) => { resolve(error.message); server.close() }))
  })
}

const clients = {
  pg: (port) => new Client({ host: '127.0.0.1', port, user: 'u', password: 'correct horse', database: 'd', ssl: false }).connect(),
  postgres: (port) => {
    const sql = postgres({ host: '127.0.0.1', port, user: 'u', password: 'correct horse', database: 'd', ssl: false, max: 1 })
    return sql`SELECT 1`
  },
}

async function main() {
  const want = {
    'pg 100000': /^proof sent$/, 'postgres 100000': /^proof sent$/,
    'pg 100001': /iteration count 100001 exceeds/, 'postgres 100001': /^proof sent$/,
  }
  let good = true
  for (const iterations of [100000, 100001]) {
    for (const name of Object.keys(clients)) {
      const got = await outcome(iterations, clients[name])
      console.log(`${name}, ${iterations} iterations: ${got}`)
      good = good && want[`${name} ${iterations}`].test(got)
    }
  }
  console.log(good ? 'as described' : 'not as described')
  process.exit(good ? 0 : 1)
}
main()
END
timeout 60 node main.js
