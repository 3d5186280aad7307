package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
)

func tryPq(ctx context.Context) {
	heard := 0
	connector, err := pq.NewConnector(at(""))
	check(err)
	db := sql.OpenDB(pq.ConnectorWithNoticeHandler(connector, func(*pq.Error) { heard++ }))
	defer db.Close()
	report("connect", func() (string, error) { return "", db.PingContext(ctx) })
	login(func(dsn string) error {
		other, err := sql.Open("postgres", dsn)
		if err != nil {
			return err
		}
		defer other.Close()
		var one int
		return other.QueryRowContext(ctx, "SELECT 1").Scan(&one)
	})
	report("tables", func() (string, error) { return "", pqColumn(ctx, db, "register", text(texts.Relations), "public") })
	report("comments", func() (string, error) {
		var n int
		err := db.QueryRowContext(ctx, texts.Comment).Scan(&n)
		if err == nil && n == 0 {
			err = errors.New("none")
		}
		return "", err
	})
	report("question", func() (string, error) { return pqQuestion(ctx, db) })
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
		err := db.QueryRowContext(ctx, texts.Certificate).Scan(&query, &asked, &certificate)
		if err == nil && len(certificate) == 0 {
			err = errors.New("none")
		}
		return "", err
	})
	report("types", func() (string, error) {
		var l literals
		if err := db.QueryRowContext(ctx, texts.Literals).Scan(l.places()...); err != nil {
			return "", err
		}
		return "", l.check()
	})
	report("prepared", func() (string, error) {
		s, err := db.PrepareContext(ctx, text(texts.Relations))
		if err != nil {
			return "", err
		}
		defer s.Close()
		for range 3 {
			var name string
			if err := s.QueryRowContext(ctx, "parley").Scan(&name); err != nil {
				return "", err
			}
		}
		return "", nil
	})
	report("explain", func() (string, error) { return "", pqColumn(ctx, db, "", "EXPLAIN "+texts.Question) })
	report("transactions", func() (string, error) { return "", pqTransaction(ctx, db) })
	report("error position", func() (string, error) {
		var e *pq.Error
		if _, err := db.QueryContext(ctx, texts.Unknown); !errors.As(err, &e) || e.Code != "42703" || e.Position != strconv.Itoa(texts.UnknownAt) {
			return "", fmt.Errorf("%w, at %+v", err, e)
		}
		return "", nil
	})
	report("refusal", func() (string, error) {
		var e *pq.Error
		if _, err := db.QueryContext(ctx, texts.Withheld); !errors.As(err, &e) || e.Code != "0A000" && e.Code != "42501" || e.Hint == "" {
			return "", fmt.Errorf("%v: %+v", err, e)
		}
		return "", nil
	})
	report("cancel", func() (string, error) {
		short, stop := context.WithTimeout(ctx, time.Second)
		defer stop()
		began := time.Now()
		_, err := db.QueryContext(short, texts.Sleep)
		if time.Since(began) > 10*time.Second {
			return "", errors.New("late")
		}
		return "", refused(err, "57014", "canceling", "deadline")
	})
}

// pqColumn looks for a value in a first column; "" is any.
func pqColumn(ctx context.Context, db *sql.DB, want, query string, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return err
		}
		if one == want || want == "" {
			return nil
		}
		all = append(all, one)
	}
	return errors.Join(rows.Err(), fmt.Errorf("%q is none of %q", want, all))
}

func pqQuestion(ctx context.Context, db *sql.DB) (string, error) {
	rows, err := db.QueryContext(ctx, text(texts.Prepared), 20, time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC))
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var a answered
		if err := rows.Scan(a.places()...); err != nil {
			return "", err
		}
		lines = append(lines, a.line())
	}
	return strings.Join(lines, "; "), rows.Err()
}

func pqTransaction(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SELECT nosuch"); err == nil {
		return errors.New("not refused")
	}
	_, err = tx.ExecContext(ctx, "SELECT 1")
	return refused(err, "25P02", "current transaction is aborted")
}
