package stories

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"parley/node/config"
	"parley/node/nodetest"
	"parley/node/peers"
)

// The persons of TestKillMinusNineJoined: on the register, and of them those with a tax return.
const (
	registered = 400
	taxed      = 300
)

// joinedSQL counts the returns of at least so much, by a column of the other table; other amounts take other vectors.
func joinedSQL(paid int) string {
	return fmt.Sprintf("SELECT sex, count(*) AS n FROM register JOIN tax USING (person_id) WHERE paid >= %d GROUP BY sex ORDER BY sex", paid)
}

// joinedRows is what that gives.
func joinedRows(paid int) string {
	var of [2]int
	for i := range taxed {
		if i%50 >= paid {
			of[i%2]++
		}
	}
	return fmt.Sprintf("f %d | m %d", of[0], of[1])
}

// TestKillMinusNineJoined kills a random node at a random moment of a question about persons whom two departments know, and starts it
// again: vectors, products, the screening's shares and the answer's are each made once, and every question is answered, rightly.
func TestKillMinusNineJoined(t *testing.T) {
	binary := parley(t)
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 2))
	d := joinedDeployment(t, binary)
	usual, during, slowest := time.Duration(0), 0, time.Duration(0)
	const deadline = 3 * time.Minute
	rounds := max(1, *kills/3)
	for round := range rounds + 1 {
		victim := d.nodes[random.IntN(len(d.nodes))]
		through := d.nodes[random.IntN(len(d.nodes))]
		for through == victim {
			through = d.nodes[random.IntN(len(d.nodes))]
		}
		moment, back := time.Duration(0), make(chan struct{})
		if round > 0 { // the first says how long a question takes
			moment = time.Duration(random.Int64N(int64(usual)))
			go func() {
				defer close(back)
				time.Sleep(moment)
				victim.kill()
				time.Sleep(300 * time.Millisecond)
				d.start(victim)
			}()
		} else {
			close(back)
		}
		begun := time.Now()
		answer, status, errs := d.query(through, joinedSQL(round+1), "--deadline", deadline.String(), "--wait", deadline.String(), "--network", filepath.Join(d.analyst, "network.json"))
		took := time.Since(begun)
		if <-back; round > 0 {
			d.await(victim)
		}
		if status != 0 || !answer.Verified || rowsOf(answer) != joinedRows(round+1) {
			t.Fatalf("round %d, %s killed after %s: status %d after %s, %q, want %q, %+v\n%s", round, victim.name, moment, status, took, rowsOf(answer), joinedRows(round+1), answer.Error, errs)
		}
		if moment < took && round > 0 {
			during++
		}
		if usual == 0 || took < usual {
			usual = took
		}
		slowest = max(slowest, took)
		t.Logf("round %d: %s killed after %.1f s, asked through %s, %.1f s", round, victim.name, moment.Seconds(), through.name, took.Seconds())
	}
	d.noSecondShare()
	if at := d.agree(); at.Evidence != 0 {
		t.Errorf("%d deviations are on record, and nobody lied", at.Evidence)
	}
	if during == 0 {
		t.Errorf("none of %d kills came during its question", rounds)
	}
	t.Logf("%d kills, %d of them during the question; the fastest in %.1f s, the slowest in %.1f s", rounds, during, usual.Seconds(), slowest.Seconds())
}

// joinedDeployment is a network of two departments whose persons are linked, as `parley try` leaves it, with its nodes started again.
func joinedDeployment(t *testing.T, binary string) *deployment {
	t.Helper()
	var register, tax strings.Builder
	register.WriteString("person_id,sex\n")
	tax.WriteString("person_id,paid\n")
	for i := range registered {
		fmt.Fprintf(&register, "P%04d,%s\n", i, []string{"f", "m"}[i%2])
		if i < taxed {
			fmt.Fprintf(&tax, "P%04d,%d\n", i, i%50)
		}
	}
	dir := nodetest.WriteFiles(t, map[string]string{"register.csv": register.String(), "tax.csv": tax.String()})
	d := &deployment{t: t, binary: binary, ownCache: true, analyst: filepath.Join(dir, "net")}
	first := d.command(nil, place{}, dir, "try", "--json", "--dir", d.analyst, "--table", "register=police:register.csv", "--table", "tax=taxoffice:tax.csv",
		"--key", "person_id", "--spine", "register", joinedSQL(0))
	var out, errs bytes.Buffer
	first.Stdout, first.Stderr = &out, &errs
	var answer queryAnswer
	if err := first.Run(); err != nil || json.Unmarshal(out.Bytes(), &answer) != nil || rowsOf(answer) != joinedRows(0) {
		t.Fatalf("before any kill: %v, %s\n%s", err, &out, &errs)
	}
	for _, name := range []string{"police", "taxoffice"} {
		p := &nodeProcess{name: name, dir: filepath.Join(d.analyst, name), log: &bytes.Buffer{}}
		p.address = listening(t, p.dir)
		d.nodes, d.departments = append(d.nodes, p), append(d.departments, p)
		d.start(p)
	}
	t.Cleanup(d.killAll)
	for _, p := range d.nodes {
		d.await(p)
	}
	nodetest.Check(t, os.MkdirAll(filepath.Dir(d.analystKey()), 0o700)) // where deploy puts it
	nodetest.Check(t, os.Rename(filepath.Join(d.analyst, config.AnalystFile), d.analystKey()))
	return d
}

// listening is the address of the node of a folder.
func listening(t *testing.T, dir string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, config.NodeFile))
	nodetest.Check(t, err)
	var file config.File
	nodetest.Check(t, toml.Unmarshal(raw, &file))
	id, err := peers.LoadIdentity(config.Resolve(dir, file.Identity))
	nodetest.Check(t, err)
	return file.Listen + "/p2p/" + id.Peer()
}
