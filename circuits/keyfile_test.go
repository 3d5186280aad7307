package circuits

import (
	"bytes"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	bn254 "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"golang.org/x/sys/unix"
)

// TestProvingFileIsStrict takes one encoding of one length.
func TestProvingFileIsStrict(t *testing.T) {
	k := newTestKey(t, StatementKeyShare)
	good := k.file(t)
	head := len(provingTitle) + 32
	wide := func(b []byte, at int) { // x + p, the same coordinate
		var x fp.Element
		x.SetBytes(b[at : at+32])
		x.BigInt(new(big.Int)).FillBytes(b[at : at+32])
		sum := new(big.Int).Add(x.BigInt(new(big.Int)), fp.Modulus())
		sum.FillBytes(b[at : at+32])
	}
	cases := []struct {
		name   string
		change func(b []byte) []byte
		want   string
	}{
		{"empty", func([]byte) []byte { return nil }, "too short"},
		{"title alone", func(b []byte) []byte { return b[:head] }, "too short"},
		{"a byte too short", func(b []byte) []byte { return b[:len(b)-1] }, "too short"},
		{"a byte too long", func(b []byte) []byte { return append(b, 0) }, "too long"},
		{"twice", func(b []byte) []byte { return append(b, b...) }, "too long"},
		{"another version", func(b []byte) []byte { b[len(provingTitle)-1]++; return b }, "not a proving key"},
		{"another circuit", func(b []byte) []byte { b[head-1]++; return b }, "another circuit"},
		{"a coordinate in G1 plus p", func(b []byte) []byte { wide(b, head); return b }, "not canonically"},
		{"a coordinate in G2 plus p", func(b []byte) []byte { wide(b, len(b)-32); return b }, "not canonically"},
		{"a coordinate of all ones", func(b []byte) []byte { copy(b[head:], bytes.Repeat([]byte{0xff}, 32)); return b }, "not canonically"},
		{"the library's own dump", func([]byte) []byte {
			var dump bytes.Buffer
			if err := k.h.key.WriteDump(&dump); err != nil {
				t.Fatal(err)
			}
			return dump.Bytes()
		}, "not a proving key"},
	}
	for _, c := range cases {
		b := c.change(bytes.Clone(good))
		if _, err := k.l.readProving(bytes.NewReader(b), k.vk); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if h, err := k.l.readProving(bytes.NewReader(good), k.vk); err != nil {
		t.Error(err)
	} else if again := (&testKey{sys: k.sys, l: k.l, h: h}).file(t); !bytes.Equal(again, good) {
		t.Error("written again it is another file")
	}
}

// plant puts hostile keys in a folder, as a network's founder could serve them: their digests are
// what the description says. It returns them as a member loads them.
func plant(t testing.TB, tamper func(k *testKey)) *Keys {
	t.Helper()
	dir, vks, digests := t.TempDir(), &VerifyingKeys{params: tiny(t)}, [][32]byte{}
	for _, s := range Statements {
		k := newTestKey(t, s)
		if s == StatementKeyShare {
			tamper(k)
		}
		path := keyFile(dir, k.l, "proving")
		if err := os.WriteFile(path, k.file(t), 0o600); err != nil {
			t.Fatal(err)
		}
		digest, err := digestFile(path)
		if err != nil {
			t.Fatal(err)
		}
		vks.set(s, k.vk)
		digests = append(digests, digest)
	}
	parsed, err := ParseVerifyingKeys(tiny(t), vks.MarshalBinary())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := Load(tiny(t), dir, parsed, digests)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// plantedOnDigit plants a point on the last coefficient of the secret's first tuple, which begins
// its evaluation on the left.
func plantedOnDigit(k *testKey) {
	_, _, g1, _ := bn254.Generators()
	shift(&k.h.key.G1.A[pointOf(k.sys.digitWires[0][plantedAt][0], k.l.infinityA)], g1)
}

const plantedAt = (fours - 1) * 16

// TestNoProofUnderAHostileKey: nothing is proven under any of the keys once one is hostile.
func TestNoProofUnderAHostileKey(t *testing.T) {
	if testing.Short() {
		t.Skip("keys planted on a digit")
	}
	cases := honestCases(t, tiny(t))
	if err := plant(t, func(*testKey) {}).Preload(StatementKeyShare); err != nil {
		t.Fatalf("an honest key: %v", err)
	}
	for name, tamper := range map[string]func(*testKey){
		"planted":    plantedOnDigit,
		"degenerate": func(k *testKey) { k.inDomain(t, 1) },
		"other halves": func(k *testKey) {
			k.h = newTestKey(t, StatementKeyShare).h
			k.h.powers.alpha[0] = k.vk.G1.Alpha
		},
	} {
		keys := plant(t, tamper)
		for range 2 {
			for _, s := range []Statement{StatementKeyShare, StatementContribution} {
				if _, err := keys.Prove(testBinding(), cases[s].instance, cases[s].secret); !errors.Is(err, ErrBrokenKey) {
					t.Errorf("%s, %v: %v, want ErrBrokenKey", name, s, err)
				}
			}
		}
	}
}

// TestOwnProofThatFails: should a hostile key ever pass the check, the first proof that does not
// verify is the last that is made, so that one bit is all that it tells. The planted key is an
// oracle: the proof verifies if and only if the digit is zero.
func TestOwnProofThatFails(t *testing.T) {
	keys := plant(t, plantedOnDigit)
	entry := keys.entries[StatementKeyShare]
	if err := keys.mark(StatementKeyShare, entry); err != nil { // as if it had passed
		t.Fatal(err)
	}
	saw := map[bool]bool{}
	for range 200 {
		h := honestCases(t, tiny(t))[StatementKeyShare]
		row := make([]fr.Element, len(entry.system.shape.shorts[0].tables))
		entry.system.shape.shorts[0].digits(centeredField(&h.secret.shorts(tiny(t), h.instance)[0][plantedAt]), row)
		a := row[0]
		if saw[a.IsZero()] {
			continue
		}
		saw[a.IsZero()] = true
		_, err := keys.Prove(testBinding(), h.instance, h.secret)
		switch {
		case a.IsZero() && err != nil:
			t.Fatalf("digit 0: %v", err)
		case !a.IsZero() && !errors.Is(err, ErrBrokenKey):
			t.Fatalf("digit not 0: %v, want ErrBrokenKey", err)
		case !a.IsZero():
			for s, c := range honestCases(t, tiny(t)) {
				if _, again := keys.Prove(testBinding(), c.instance, c.secret); !errors.Is(again, ErrBrokenKey) || again.Error() != err.Error() {
					t.Fatalf("%v after a failed proof: %v, want the same sentence", s, again)
				}
			}
			return
		}
	}
	t.Fatal("no digit that is not 0")
}

// TestKeysAreKnownByTheirDigests: a file that is not the pinned one is not loaded, and one that
// changes after it was found is not used.
func TestKeysAreKnownByTheirDigests(t *testing.T) {
	keys := plant(t, func(*testKey) {})
	digests := keys.Proving()
	for i := range digests {
		wrong := append([][32]byte{}, digests...)
		wrong[i][31] ^= 1
		if _, err := Load(tiny(t), keys.dir, keys.verifying, wrong); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("digest %d wrong: %v", i, err)
		}
	}
	for _, few := range [][][32]byte{nil, digests[:2], append(append([][32]byte{}, digests...), digests[0])} {
		if _, err := Load(tiny(t), keys.dir, keys.verifying, few); err == nil {
			t.Errorf("%d digests are taken", len(few))
		}
	}
	entry := keys.entries[StatementContribution]
	path := keyFile(keys.dir, entry.layout, "proving")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-40] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := keys.Preload(StatementContribution); !errors.Is(err, ErrBrokenKey) {
		t.Errorf("a file that was changed: %v", err)
	}
}

// TestMarkIsOfOneKey: what was checked once is not checked again, and another key is.
func TestMarkIsOfOneKey(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	good := plant(t, func(*testKey) {})
	if err := good.Preload(StatementKeyShare); err != nil {
		t.Fatal(err)
	}
	entry := good.entries[StatementKeyShare]
	if !good.checked(StatementKeyShare, entry) || good.checked(StatementContribution, good.entries[StatementContribution]) {
		t.Fatal("the marks are not those of what was checked")
	}
	bad := plant(t, plantedOnDigit)
	mark, err := os.ReadFile(keyFile(good.dir, entry.layout, "checked"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyFile(bad.dir, entry.layout, "checked"), mark, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := bad.Preload(StatementKeyShare); !errors.Is(err, ErrBrokenKey) {
		t.Errorf("under another key's mark: %v", err)
	}
	if info, err := os.Stat(keyFile(good.dir, entry.layout, "checked")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mark: %v, %v", info.Mode(), err)
	}
}

// cpuSeconds is the processor time that this process has used.
func cpuSeconds(b *testing.B) float64 {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// BenchmarkKeys measures making and checking the keys of a set, in processor time.
func BenchmarkKeys(b *testing.B) {
	for _, name := range []string{"test", "light"} {
		p, err := Named(name)
		if err != nil {
			b.Fatal(err)
		}
		for _, s := range allStatements {
			sys, err := compile(shapeOf(p, s))
			if err != nil {
				b.Fatal(err)
			}
			l := sys.layout()
			var h *provingHalf
			var vk *groth16.VerifyingKey
			b.Run(name+"/setup/"+s.String(), func(b *testing.B) {
				before := cpuSeconds(b)
				for b.Loop() {
					if h, vk, err = sys.setup(l); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((cpuSeconds(b)-before)/float64(b.N), "cpu-s/op")
				b.ReportMetric(float64(l.provingSize()), "bytes")
			})
			b.Run(name+"/check/"+s.String(), func(b *testing.B) {
				before := cpuSeconds(b)
				for b.Loop() {
					if err := sys.check(l, h, vk); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((cpuSeconds(b)-before)/float64(b.N), "cpu-s/op")
			})
		}
	}
}
