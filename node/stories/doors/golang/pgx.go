package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func tryPgx(ctx context.Context) {
	heard := 0
	config, err := pgx.ParseConfig(at(""))
	check(err)
	config.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) { heard++ }
	c, err := pgx.ConnectConfig(ctx, config)
	check(err)
	defer c.Close(ctx)
	connect := func(dsn string) error {
		other, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		return other.Close(ctx)
	}
	report("connect", func() (string, error) { return "", c.Ping(ctx) })
	login(connect)
	report("TLS direct", func() (string, error) { return "", connect(at("", "sslnegotiation", "direct")) })
	report("tables", func() (string, error) { return "", pgxColumn(ctx, c, "register", text(texts.Relations), "public") })
	report("comments", func() (string, error) {
		var n int
		err := c.QueryRow(ctx, texts.Comment).Scan(&n)
		if err == nil && n == 0 {
			err = errors.New("none")
		}
		return "", err
	})
	report("describe", func() (string, error) {
		d, err := c.Prepare(ctx, "", text(texts.Prepared))
		if err != nil {
			return "", err
		}
		var names []string
		for _, f := range d.Fields {
			names = append(names, f.Name)
		}
		if !slices.Equal(names, texts.Columns) || len(d.ParamOIDs) != 2 {
			return "", fmt.Errorf("%q and %d", names, d.ParamOIDs)
		}
		return "", nil
	})
	report("question", func() (string, error) { return pgxQuestion(ctx, c) })
	report("notices", func() (string, error) {
		if heard == 0 {
			return "", errors.New("none heard")
		}
		return "", nil
	})
	report("certificate", func() (string, error) {
		var query string
		var asked time.Time
		var certificate []byte
		err := c.QueryRow(ctx, texts.Certificate).Scan(&query, &asked, &certificate)
		if err == nil && len(certificate) == 0 {
			err = errors.New("none")
		}
		return "", err
	})
	for ability, mode := range map[string]pgx.QueryExecMode{"types": pgx.QueryExecModeSimpleProtocol, "binary": pgx.QueryExecModeCacheStatement} {
		report(ability, func() (string, error) {
			var l literals
			if err := c.QueryRow(ctx, texts.Literals, mode).Scan(l.places()...); err != nil {
				return "", err
			}
			return "", l.check()
		})
	}
	report("prepared", func() (string, error) {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
			if err := pgxColumn(ctx, c, "answers", text(texts.Relations), mode, "parley"); err != nil {
				return "", fmt.Errorf("%v: %w", mode, err)
			}
		}
		return "", nil
	})
	report("explain", func() (string, error) { return "", pgxColumn(ctx, c, "", "EXPLAIN "+texts.Question) })
	report("copy", func() (string, error) {
		var out bytes.Buffer
		tag, err := c.PgConn().CopyTo(ctx, &out, "COPY ("+texts.Rows+") TO STDOUT")
		if err == nil && (tag.RowsAffected() == 0 || int64(bytes.Count(out.Bytes(), []byte("\n"))) != tag.RowsAffected()) {
			err = fmt.Errorf("%v of %d bytes", tag, out.Len())
		}
		return "", err
	})
	report("transactions", func() (string, error) { return "", pgxTransaction(ctx, c) })
	report("error position", func() (string, error) {
		var e *pgconn.PgError
		if _, err := c.Exec(ctx, texts.Unknown); !errors.As(err, &e) || e.Code != "42703" || int(e.Position) != texts.UnknownAt {
			return "", fmt.Errorf("%v: %+v", err, e)
		}
		return "", nil
	})
	report("refusal", func() (string, error) {
		var e *pgconn.PgError
		if _, err := c.Exec(ctx, texts.Withheld); !errors.As(err, &e) || e.Code != "0A000" && e.Code != "42501" || e.Hint == "" {
			return "", fmt.Errorf("%v: %+v", err, e)
		}
		return "", nil
	})
	report("cancel", func() (string, error) {
		time.AfterFunc(time.Second, func() { _ = c.PgConn().CancelRequest(ctx) })
		began := time.Now()
		_, err := c.Exec(ctx, texts.Sleep)
		if time.Since(began) > 10*time.Second {
			return "", errors.New("late")
		}
		return "", refused(err, "57014")
	})
}

// pgxColumn looks for a value in a first column; "" is any.
func pgxColumn(ctx context.Context, c *pgx.Conn, want, query string, args ...any) error {
	rows, err := c.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && (len(all) == 0 || want != "" && !slices.Contains(all, want)) {
		err = fmt.Errorf("%q is none of %q", want, all)
	}
	return err
}

func pgxQuestion(ctx context.Context, c *pgx.Conn) (string, error) {
	rows, err := c.Query(ctx, text(texts.Prepared), 20, time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC))
	if err != nil {
		return "", err
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var a answered
		err := row.Scan(a.places()...)
		return a.line(), err
	})
	return strings.Join(lines, "; "), err
}

func pgxTransaction(ctx context.Context, c *pgx.Conn) error {
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	inner, err := tx.Begin(ctx) // a savepoint
	if err != nil {
		return err
	}
	if _, err := inner.Exec(ctx, "SELECT nosuch"); err == nil {
		return errors.New("not refused")
	}
	if _, err := inner.Exec(ctx, "SELECT 1"); refused(err, "25P02") != nil {
		return fmt.Errorf("a block that has failed goes on: %w", err)
	}
	if err := inner.Rollback(ctx); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
