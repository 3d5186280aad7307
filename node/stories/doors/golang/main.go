// Command golang is what a client in Go can do at Parley's PostgreSQL door: golang DRIVER FOLDER, where DRIVER is pgx or
// pq, and FOLDER has abilities.json. It prints a line an ability: its name, yes or no, and a reason, with tabs between them.
// PARLEY_DOORS and PARLEY_WRONG_CA are as for client.py.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// texts are what all clients ask.
var texts struct {
	Question, Prepared, Literals, Relations, Rows, Unknown, Withheld, Comment, Certificate, Sleep string
	Columns                                                                                       []string
	UnknownAt                                                                                     int
}

var door *url.URL

func main() {
	raw, err := os.ReadFile(filepath.Join(os.Args[2], "abilities.json"))
	check(err)
	check(json.Unmarshal(raw, &texts))
	raw, err = os.ReadFile(os.Getenv("PARLEY_DOORS"))
	check(err)
	var doors struct{ Postgres string }
	check(json.Unmarshal(raw, &doors))
	door, err = url.Parse(doors.Postgres)
	check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Second)
	defer cancel()
	switch os.Args[1] {
	case "pgx":
		tryPgx(ctx)
	case "pq":
		tryPq(ctx)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// report prints what became of one ability.
func report(ability string, run func() (string, error)) {
	answer := "yes"
	reason, err := run()
	if err != nil {
		answer, reason = "no", err.Error()
	}
	fmt.Printf("%s\t%s\t%s\n", ability, answer, strings.Join(strings.Fields(reason), " "))
}

// at is the door's URL with parameters changed; "" leaves one out. With a password, it is that of somebody else.
func at(password string, changes ...string) string {
	u := *door
	q := u.Query()
	for i := 0; i < len(changes); i += 2 {
		q.Del(changes[i])
		if changes[i+1] != "" {
			q.Set(changes[i], changes[i+1])
		}
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	if password != "" {
		u.User = url.UserPassword("go", password)
	}
	return u.String()
}

func text(sql string) string { return strings.NewReplacer("{1}", "$1", "{2}", "$2").Replace(sql) }

// refused checks that something failed, and with one of these words.
func refused(err error, words ...string) error {
	if err == nil {
		return errors.New("not refused")
	}
	if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(err.Error(), w) }) {
		return fmt.Errorf("refused otherwise: %w", err)
	}
	return nil
}

// login tries each way to connect; connect opens and closes.
func login(connect func(dsn string) error) {
	report("plain refused", func() (string, error) {
		return "", refused(connect(at("", "sslmode", "disable")), "no encryption", "TLS", "SSL")
	})
	report("TLS required", func() (string, error) { return "", connect(at("", "sslmode", "require", "sslrootcert", "")) })
	report("TLS verified", func() (string, error) { return "", connect(at("")) })
	report("wrong CA", func() (string, error) {
		return "", refused(connect(at("", "sslrootcert", os.Getenv("PARLEY_WRONG_CA"))), "certificate signed by unknown authority", "failed to verify", "ECDSA verification failure")
	})
	report("wrong password", func() (string, error) {
		return "", refused(connect(at("no")), "28P01", "password authentication failed")
	})
}

// answered is a row of the question.
type answered struct {
	migrant         bool
	sex             string
	persons, people int64
	meanAge, nobody sql.NullString
}

func (a *answered) places() []any {
	return []any{&a.migrant, &a.sex, &a.persons, &a.people, &a.meanAge, &a.nobody}
}

func (a *answered) line() string {
	migrant := "f"
	if a.migrant {
		migrant = "t"
	}
	var mean float64
	fmt.Sscan(a.meanAge.String, &mean)
	nobody := "-"
	if a.nobody.Valid {
		nobody = a.nobody.String
	}
	return fmt.Sprintf("%s,%s,%d,%d,%.4f,%s", migrant, a.sex, a.persons, a.people, mean, nobody)
}

// literals are one of each type.
type literals struct {
	whole       int64
	exact       string
	words       string
	day, moment time.Time
	yes         bool
	real        float64
	nothing     sql.NullInt64
}

func (l *literals) places() []any {
	return []any{&l.whole, &l.exact, &l.words, &l.day, &l.yes, &l.real, &l.moment, &l.nothing}
}

func (l *literals) check() error {
	if l.whole != 9007199254740993 || l.exact != "12345.678900" || l.words != "naïve, 中文" || l.day.Format(time.DateOnly) != "2024-02-29" ||
		!l.yes || l.real != 0.1 || !l.moment.Equal(time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)) || l.nothing.Valid {
		return fmt.Errorf("%+v", l)
	}
	return nil
}
