package shadow_test

import (
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/node/shadow"
	"parley/protocols"
)

func record(i int, sql string) shadow.Record {
	return shadow.Record{Time: time.Unix(int64(i), 0).UTC(), Query: fmt.Sprint(i), Analyst: "12D3", Purpose: "a test", SQL: sql, Table: "t",
		Departments: []string{"a"}, Groups: 1, Cells: 2, Ciphertexts: 1, Contribution: 10, Shares: 20}
}

func mustRead(t *testing.T, dir string, damaged int) []shadow.Record {
	t.Helper()
	records, lost, err := shadow.Read(dir)
	if err != nil || lost != damaged {
		t.Fatalf("%v: %d lines are damaged, want %d", err, lost, damaged)
	}
	return records
}

// TestFileIsBounded: records come back in their order; of a file that would be too large the oldest go, whole.
func TestFileIsBounded(t *testing.T) {
	dir := t.TempDir()
	if got := mustRead(t, dir, 0); got != nil {
		t.Fatalf("%+v", got)
	}
	const n = 200
	for i := 1; i <= n; i++ {
		if err := shadow.Append(dir, record(i, strings.Repeat("x", 100_000))); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, shadow.File))
		if err != nil || info.Size() > shadow.MaxBytes || info.Mode().Perm() != 0o600 {
			t.Fatalf("%v: %d bytes, mode %v", err, info.Size(), info.Mode())
		}
	}
	got := mustRead(t, dir, 0)
	if len(got) < 30 || len(got) > 90 {
		t.Fatalf("%d records are left", len(got))
	}
	for i, r := range got {
		if want := fmt.Sprint(n - len(got) + 1 + i); r.Query != want {
			t.Fatalf("record %d is of query %s, want %s", i, r.Query, want)
		}
	}
}

// TestTornLine: half a line, which a crash leaves, costs that record alone.
func TestTornLine(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, shadow.File)
	for i := range 2 {
		if err := shadow.Append(dir, record(i+1, "SELECT 1")); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, info.Size()-20)
	}
	if err == nil {
		err = shadow.Append(dir, record(3, "SELECT 3"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := mustRead(t, dir, 1); len(got) != 2 || got[0].Query != "1" || got[1].Query != "3" {
		t.Errorf("%+v", got)
	}
	if err := os.WriteFile(path, make([]byte, shadow.MaxBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := shadow.Read(dir); err == nil {
		t.Error("a file beyond its limit is read")
	}
	if err := shadow.Append(dir, record(4, "SELECT 4")); err != nil { // which a node puts right
		t.Fatal(err)
	}
	if got := mustRead(t, dir, 0); len(got) != 1 || got[0].Query != "4" {
		t.Errorf("%+v", got)
	}
}

// TestValues: the cells' values are told only if they are asked for, and of so many cells only.
func TestValues(t *testing.T) {
	w := &protocols.Withheld{Plan: &engine.Plan{SQL: "SELECT 1", Table: "t", Moments: make([]engine.Moment, 2)}}
	for i := range 2 * shadow.MaxValues {
		w.Cells = append(w.Cells, big.NewInt(int64(i)))
	}
	state := protocols.NewState(&protocols.Network{Version: protocols.Version}, protocols.Sizes{})
	r := shadow.RecordOf(time.Now(), state, engine.Digest{1}, w, false)
	if r.Values != nil || r.ValuesLeft != 0 || r.Groups != shadow.MaxValues || r.Cells != 2*shadow.MaxValues {
		t.Errorf("%+v", r)
	}
	if r.Screening {
		t.Error("it is no screening")
	}
	w.Plan.Screen = new(engine.Screening)
	if r = shadow.RecordOf(time.Now(), state, engine.Digest{1}, w, true); !r.Screening {
		t.Error("a screening is not marked")
	}
	if len(r.Values) != shadow.MaxValues || r.Values[7] != "7" || r.ValuesLeft != shadow.MaxValues {
		t.Errorf("%d values, %d left", len(r.Values), r.ValuesLeft)
	}
	dir := t.TempDir()
	for i := range r.Values { // longer than a line may be
		r.Values[i] = strings.Repeat("9", 1100)
	}
	if err := shadow.Append(dir, r); err != nil {
		t.Fatal(err)
	}
	if got := mustRead(t, dir, 0); len(got) != 1 || got[0].Values != nil || got[0].ValuesLeft != got[0].Cells {
		t.Errorf("%+v", got)
	}
	if err := shadow.Append(dir, record(1, strings.Repeat("x", shadow.MaxRecordBytes))); err == nil {
		t.Error("a record without end is written")
	}
}
