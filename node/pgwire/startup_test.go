package pgwire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
)

// TestStartup: what startup messages say, and which are refused.
func TestStartup(t *testing.T) {
	many := strings.Builder{}
	for i := range maxSettings + 1 {
		fmt.Fprintf(&many, "s%d\x001\x00", i)
	}
	for _, c := range []struct {
		what    string
		version uint32
		body    string
		code    string // of the refusal
		want    startup
	}{
		{"the least", version30, "user\x00ada\x00\x00", "", startup{version: version30, user: "ada", database: "ada"}},
		{"3.2", version32, hello, "", startup{version: version32, user: "ada", database: "parley"}},
		{"3.1", version30 + 1, hello, "", startup{version: version30 + 1, user: "ada", database: "parley"}},
		{"3.9", version30 + 9, hello, "", startup{version: version32, user: "ada", database: "parley", negotiate: true}},
		{"extensions", version30, "user\x00ada\x00_pq_.x\x001\x00_pq_.y\x00\x00\x00", "", startup{version: version30, user: "ada", database: "ada", negotiate: true, unknown: []string{"_pq_.x", "_pq_.y"}}},
		{"settings", version30, "user\x00ada\x00DateStyle\x00ISO, MDY\x00extra_float_digits\x002\x00application_name\x00\x00\x00", "",
			startup{version: version30, user: "ada", database: "ada", settings: map[string]string{"datestyle": "ISO, MDY", "extra_float_digits": "2", "application_name": ""}}},
		{"options", version30, "user\x00ada\x00options\x00-c search_path=a,b  --statement-timeout=5s -cx=y\\ z\\\\ -c  empty=\x00search_path\x00c\x00\x00", "",
			startup{version: version30, user: "ada", database: "ada", settings: map[string]string{"search_path": "c", "statement_timeout": "5s", "x": `y z\`, "empty": ""}}},
		{"no replication", version30, "user\x00ada\x00replication\x00false\x00\x00", "", startup{version: version30, user: "ada", database: "ada"}},
		{"replication", version30, "user\x00ada\x00replication\x00database\x00\x00", "0A000", startup{}},
		{"version 2", 2 << 16, hello, "0A000", startup{}},
		{"version 4", 4 << 16, hello, "0A000", startup{}},
		{"no user", version30, "database\x00x\x00\x00", "28000", startup{}},
		{"an empty user", version30, "user\x00\x00\x00", "28000", startup{}},
		{"nothing", version30, "\x00", "28000", startup{}},
		{"not even an end", version30, "", "08P01", startup{}},
		{"no end", version30, "user\x00ada\x00", "08P01", startup{}},
		{"no value", version30, "user\x00", "08P01", startup{}},
		{"no value, no end", version30, "user", "08P01", startup{}},
		{"something after the end", version30, "user\x00ada\x00\x00x", "08P01", startup{}},
		{"a setting after the end", version30, "user\x00ada\x00\x00user\x00admin\x00\x00", "08P01", startup{}},
		{"two users", version30, "user\x00ada\x00user\x00admin\x00\x00", "08P01", startup{}},
		{"two users, differently spelled", version30, "user\x00ada\x00USER\x00admin\x00\x00", "08P01", startup{}},
		{"a long user", version30, "user\x00" + strings.Repeat("x", maxNameBytes+1) + "\x00\x00", "28000", startup{}},
		{"a long database", version30, "user\x00ada\x00database\x00" + strings.Repeat("x", maxNameBytes+1) + "\x00\x00", "28000", startup{}},
		{"not UTF-8", version30, "user\x00a\xffda\x00\x00", "22021", startup{}},
		{"too many settings", version30, "user\x00ada\x00" + many.String() + "\x00", "08P01", startup{}},
		{"too many options", version30, "user\x00ada\x00options\x00" + strings.ReplaceAll(strings.ReplaceAll(many.String(), "\x001\x00", "=1 "), "s", "--s") + "\x00\x00", "08P01", startup{}},
		{"another switch", version30, "user\x00ada\x00options\x00-d 5\x00\x00", "42601", startup{}},
		{"a word", version30, "user\x00ada\x00options\x00x=y\x00\x00", "42601", startup{}},
		{"a user by option", version30, "user\x00ada\x00options\x00-c user=admin\x00\x00", "42704", startup{}},
		{"no name", version30, "user\x00ada\x00options\x00--=y\x00\x00", "42601", startup{}},
		{"no value of an option", version30, "user\x00ada\x00options\x00-c x\x00\x00", "42601", startup{}},
		{"no setting", version30, "user\x00ada\x00options\x00-c\x00\x00", "42601", startup{}},
	} {
		got, err := parseStartup(c.version, []byte(c.body))
		var refusal *Error
		if c.code != "" {
			if !errors.As(err, &refusal) || refusal.Code != c.code {
				t.Errorf("%s: %+v, %v, want %s", c.what, got, err, c.code)
			}
			continue
		}
		if err != nil || !maps.Equal(got.settings, c.want.settings) {
			t.Errorf("%s: %+v, %v", c.what, got, err)
			continue
		}
		if got.settings = nil; true {
			c.want.settings = nil
		}
		if !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.what, *got, c.want)
		}
	}
}

// FuzzStartup: whatever comes first, nothing panics, no limit is passed, and not a byte is read beyond the packet.
func FuzzStartup(f *testing.F) {
	f.Add(packet(version30, hello))
	f.Add(packet(version32, "user\x00ada\x00options\x00-c a=b --c-d=e\\ f\x00_pq_.x\x00\x00\x00"))
	f.Add(packet(cancelRequest, "12345678"))
	f.Add(packet(sslRequest, ""))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := bytes.NewReader(raw)
		version, body, err := readFirst(r)
		if err != nil {
			return
		}
		if read := len(raw) - r.Len(); read != int(binary.BigEndian.Uint32(raw)) || read > maxStartupBytes {
			t.Fatalf("%d bytes read", read)
		}
		s, err := parseStartup(version, body)
		if err != nil {
			if s != nil && s.user != "" {
				t.Fatalf("refused, and yet a user: %+v", s)
			}
			return
		}
		if s.user == "" || s.database == "" || len(s.user) > maxNameBytes || len(s.settings) > maxSettings || s.version > newest {
			t.Fatalf("%+v", s)
		}
		for name := range s.settings {
			if strings.Contains(name, "\x00") || apart(name) {
				t.Fatalf("a setting %q", name)
			}
		}
	})
}

// FuzzOptions: words are split as PostgreSQL splits them: what is joined with escapes comes apart again.
func FuzzOptions(f *testing.F) {
	f.Add("a b", `c\`, "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		var line strings.Builder
		var want []string
		for _, word := range []string{a, b, c} {
			if word == "" {
				continue
			}
			want = append(want, word)
			for _, x := range []byte(word) {
				line.Write([]byte{'\\', x})
			}
			line.WriteString(" \t")
		}
		if got := splitOptions(line.String()); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q becomes %q", want, got)
		}
		splitOptions(a)
		(&startup{settings: map[string]string{}}).options(a)
	})
}

// FuzzLogin: the messages of the exchange, as far as this room reads them.
func FuzzLogin(f *testing.F) {
	f.Add([]byte("p\x00\x00\x00\x36SCRAM-SHA-256\x00\x00\x00\x00\x20n,,n=,r=rOprNGfwEbeRWgbNEkqOrOpr"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := bytes.NewReader(raw)
		body, err := readLogin(r)
		if len(body) > maxLoginBytes {
			t.Fatalf("%d bytes", len(body))
		}
		if err != nil {
			return
		}
		if read := len(raw) - r.Len(); read != len(body)+5 {
			t.Fatalf("%d bytes read", read)
		}
		if mechanism, data, err := initialResponse(body); err == nil && len(mechanism)+5+len(data) != len(body) {
			t.Fatalf("%q and %q of %q", mechanism, data, body)
		}
	})
}
