package node_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/engine"
	"parley/engine/cellkey"
	"parley/node"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/node/nodetest/testnet"
)

const perturbedBy = 5

// noisyRows are how many rows of a department's a condition chooses, and, by the key in its folder, their noise.
func noisyRows(n *testnet.Network, department int, choose func(sex string, age int) bool) (rows, noise int64) {
	n.T.Helper()
	raw, err := os.ReadFile(filepath.Join(n.Nodes[department].Config.Dir, "noise.key"))
	nodetest.Check(n.T, err)
	key, err := cellkey.New(raw)
	nodetest.Check(n.T, err)
	sums := cellkey.Sums{Rows: new(big.Int)}
	for j := range sums.Keys {
		sums.Keys[j] = new(big.Int)
	}
	of := key.Recorder("people", []string{"age"})
	for _, row := range testnet.RowsOf(department)[1:] {
		age, err := strconv.Atoi(row[1])
		nodetest.Check(n.T, err)
		if !choose(row[0], age) {
			continue
		}
		rows++
		sums.Rows.Add(sums.Rows, big.NewInt(1))
		for j, limb := range of.Record([]engine.Datum{engine.NewInteger(int64(age))}) {
			sums.Keys[j].Add(sums.Keys[j], big.NewInt(int64(limb)))
		}
	}
	return rows, key.Noise(sums, big.NewInt(1), perturbedBy).Int64()
}

// noisyCount is what three departments answer for the number of rows that a condition chooses.
func noisyCount(n *testnet.Network, choose func(sex string, age int) bool) (total int64) {
	n.T.Helper()
	for i := range n.Nodes[:3] {
		rows, noise := noisyRows(n, i, choose)
		total += rows + noise
	}
	return total
}

// noisyGroup is what they answer of a group, which is left out where its count, with its noise, is not above 0: once in 30 of 7 rows.
func noisyGroup(n *testnet.Network, name string, choose func(sex string, age int) bool) string {
	n.T.Helper()
	if count := noisyCount(n, choose); count > 0 {
		return fmt.Sprintf("%s %d | ", name, count)
	}
	return ""
}

// lostNoiseKey: department 1, whose folder has lost its salt and its noise key, does not start and draws none, but where its operator says so; and
// not while there is one.
func lostNoiseKey(n *testnet.Network, path string, key []byte) {
	n.T.Helper()
	ctx, cancel := context.WithTimeout(n.T.Context(), 5*time.Minute)
	defer cancel()
	n.Lose(1, "noise.key", "salt")
	err := node.Run(ctx, n.Nodes[1].Config, n.OptionsOf(1))
	if f := failure.Of(err); err == nil || f.Code != "noise-key" || !strings.Contains(f.Hint, "--new-noise-key") {
		n.T.Errorf("started without its noise key: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		n.T.Errorf("there is a key again: %v", err)
	}
	far := errors.New("as far as this")
	o := n.OptionsOf(1)
	o.NewNoiseKey, o.Described = true, func(context.Context, []engine.Registration) error { return far }
	nodetest.Check(n.T, os.Remove(filepath.Join(filepath.Dir(path), "salt")))
	if err := node.Run(ctx, n.Nodes[1].Config, o); !errors.Is(err, far) {
		n.T.Errorf("with another key: %v", err)
	}
	if drawn, err := os.ReadFile(path); err != nil || len(drawn) != cellkey.KeyBytes || bytes.Equal(drawn, key) {
		n.T.Errorf("drawn are %d bytes: %v", len(drawn), err)
	}
	if err := node.Run(ctx, n.Nodes[1].Config, o); err == nil || failure.Of(err).Code != "noise-key" {
		n.T.Errorf("another key beside the one that is there: %v", err)
	}
}

// shownVeiled is that of a group where what they say of it in a screening adds up to enough, and else nothing.
func shownVeiled(n *testnet.Network, name string, enough int64, choose func(sex string, age int) bool) string {
	n.T.Helper()
	said := int64(0)
	for i := range n.Nodes[:3] {
		rows, noise := noisyRows(n, i, choose)
		said += min(max(rows+noise, 1), enough)
	}
	if said < enough {
		return ""
	}
	return noisyGroup(n, name, choose)
}

// TestPerturbed: under the rule each department adds the noise of its key and the cell's rows, and no other, so that asking again, by other
// groups or with conditions that change nothing, gives the same; after a restart and in a new version too. Without its key a
// department contributes nothing, and does not start. What they say of counts before an answer has the same noise where a policy asks for that, and
// decides what is shown.
func TestPerturbed(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a network of three nodes, some of which stop")
	}
	n := testnet.New(t, 3)
	for _, d := range n.Nodes {
		d.Config.Tables[0].Key = []string{"age"}
	}
	n.StartAll()
	for i, name := range []string{"a", "b", "c"} {
		d := testnet.OpenPolicy(name, "people")
		d.Version, d.Disclosure = 2, engine.Disclosure{Perturbed: []int64{3, perturbedBy, 1}[i]} // the strictest holds
		steward := n.DialAs(i, n.Steward(i))
		nodetest.Check(t, testnet.Publish(t.Context(), steward, d))
	}
	c := n.Dial(2)
	n.AwaitRules(c, 3, func(d engine.Disclosure) bool { return d.Perturbed > 0 })
	ask := func(sql string) *client.Answer {
		t.Helper()
		a, err := c.Ask(t.Context(), sql, testnet.Asking(client.AskOptions{Deadline: 3 * time.Minute, Wait: 2 * time.Minute}))
		if err != nil {
			t.Fatalf("%s: %v\n%s", sql, err, n.Logs())
		}
		return a
	}
	first := ask(bySex)
	women, men := func(sex string, _ int) bool { return sex == "f" }, func(sex string, _ int) bool { return sex == "m" }
	want := noisyGroup(n, "f", women) + noisyGroup(n, "m", men)
	if got := testnet.ResultText(first); got != want {
		t.Fatalf("%q, want %q", got, want)
	}
	marks := first.Result.Noise
	if len(marks) != 1 || marks[0] != (engine.NoisyColumn{Column: "count", Kind: engine.NoiseCellKey, Departments: 3, Rows: perturbedBy}) || first.Result.Rows[0][1].Error == nil || *first.Result.Rows[0][1].Error != "3.57" {
		t.Errorf("the answer says of its noise %+v, %v", marks, first.Result.Rows[0][1].Error)
	}
	for sql, choose := range map[string]func(string, int) bool{
		"SELECT count(*) FROM people WHERE sex = 'f' AND age > 0":              women,
		"SELECT sum(CASE WHEN sex = 'f' THEN 1 ELSE 0 END) FROM people":        women,
		"SELECT count(*) FILTER (WHERE age > 30) FROM people WHERE sex <> 'm'": func(sex string, age int) bool { return sex == "f" && age > 30 },
	} {
		if got := testnet.ResultText(ask(sql)); got != fmt.Sprintf("%d | ", noisyCount(n, choose)) {
			t.Errorf("%s: %q, want %d", sql, got, noisyCount(n, choose))
		}
	}

	// Without its key a department contributes nothing, and makes none. Started again, with its rows in another order, it has it.
	path := filepath.Join(n.Nodes[1].Config.Dir, "noise.key")
	key, err := os.ReadFile(path)
	nodetest.Check(t, err)
	for what, harm := range map[string]func() error{"no key": func() error { return os.Remove(path) }, "half of it": func() error { return os.WriteFile(path, key[:16], 0o600) },
		"one that others can read": func() error { return errors.Join(os.WriteFile(path, key, 0o600), os.Chmod(path, 0o644)) }} {
		nodetest.Check(t, harm())
		_, err := c.Ask(t.Context(), bySex, testnet.Asking(client.AskOptions{Deadline: 3 * time.Minute, Wait: 2 * time.Minute}))
		var e *client.QueryError
		if !errors.As(err, &e) || !strings.Contains(e.Error(), "the key of the noise") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if logs := n.Logs(); strings.Contains(logs, string(key)) || strings.Contains(logs, fmt.Sprintf("%x", key)) || strings.Contains(logs, fmt.Sprintf("%X", key)) {
		t.Error("the key is in the log")
	}
	n.Stop(1)
	lostNoiseKey(n, path, key)
	rows := testnet.RowsOf(1)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(rows)-1, func(i, j int) { rows[i+1], rows[j+1] = rows[j+1], rows[i+1] })
	f, err := os.Create(n.Nodes[1].Config.Tables[0].Files[0])
	nodetest.Check(t, err)
	nodetest.Check(t, csv.NewWriter(f).WriteAll(rows))
	nodetest.Check(t, errors.Join(f.Close(), os.WriteFile(path, key, 0o600), os.Chmod(path, 0o600)))
	n.Start(1)
	n.WaitReady(1)
	n.Eventually("there is a new version", func() bool {
		for _, r := range testnet.StateAt(c).Catalogue() {
			if r.Department == "b" && r.Version == 2 {
				return true
			}
		}
		return false
	})
	if again := ask(bySex); testnet.ResultText(again) != want || again.Query == first.Query {
		t.Errorf("asked again: %q, want %q", testnet.ResultText(again), want)
	}
	d := testnet.OpenPolicy("a", "people")
	d.Version, d.Disclosure = 3, engine.Disclosure{Count: 2, Perturbed: perturbedBy, Veiled: true}
	nodetest.Check(t, testnet.Publish(t.Context(), n.DialAs(0, n.Steward(0)), d))
	n.AwaitRules(c, 1, func(d engine.Disclosure) bool { return d.Veiled })
	want = shownVeiled(n, "f", 7, women) + shownVeiled(n, "m", 7, men) // 2 rows, in one department at most if there are fewer, and its noise
	if got := testnet.ResultText(ask(bySex)); got != want {
		t.Errorf("after a screening with noise %q, want %q", got, want)
	}
}
