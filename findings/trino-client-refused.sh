#!/usr/bin/env bash
# trino-go-client v1.1.0 (module github.com/trinodb/trino-go-client): a coordinator that refuses the connection is asked again
# and again, for two minutes or twenty times, before Ping says so.
#
# A good guess: a refused TCP connection is an error at once, as with other drivers of database/sql. Here it is one of the
# answers that are tried again. RequestRetryMaxAttempts (request_retry_max_attempts) bounds it; 1 tells at once.
#
# Seen on 2026-11-29 with Go 1.26.8 (some ten seconds):
#
#   as it is: no answer within 5s
#   request_retry_max_attempts=1: refused within a second
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	_ "github.com/trinodb/trino-go-client/trino"
)

func ask(address, parameter string) string {
	db, err := sql.Open("trino", "http://reader@"+address+"?catalog=tpch&schema=tiny"+parameter)
	if err != nil {
		panic(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	began := time.Now()
	var n int
	err = db.QueryRowContext(ctx, "SELECT 1").Scan(&n)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "no answer within 5s"
	case err != nil && strings.Contains(err.Error(), "refused") && time.Since(began) < time.Second:
		return "refused within a second"
	}
	return fmt.Sprint(err)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	address := listener.Addr().String()
	listener.Close()
	fmt.Println("as it is:", ask(address, ""))
	fmt.Println("request_retry_max_attempts=1:", ask(address, "&request_retry_max_attempts=1"))
}
GO
cat >go.mod <<'MOD'
module finding

go 1.26

require github.com/trinodb/trino-go-client v1.1.0
MOD
GOFLAGS=-mod=mod go run . >seen
cat seen
diff - seen <<'WANT' || { echo "the behaviour has changed"; exit 1; }
as it is: no answer within 5s
request_retry_max_attempts=1: refused within a second
WANT
