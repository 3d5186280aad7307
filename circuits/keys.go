package circuits

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	groth16 "github.com/consensys/gnark/backend/groth16/bn254"

	"github.com/consensys/gnark/constraint"
)

// Keys holds the proving and verifying keys of the three statements for one parameter set.
// Circuits and proving keys are loaded at first use; safe for concurrent use.
type Keys struct {
	params    Params
	dir       string
	verifying *VerifyingKeys

	mu      sync.Mutex
	entries map[Statement]*keyEntry
}

type keyEntry struct {
	system  *system
	proving *groth16.ProvingKey
}

// Params is the set that the keys are for.
func (k *Keys) Params() Params { return k.params }

// Verifying is the public half.
func (k *Keys) Verifying() *VerifyingKeys { return k.verifying }

// Progress is told what is being made and how far it is.
type Progress func(step string, done, total int)

// Develop makes development keys on this machine, or finds them in dir, where they are kept
// by circuit digest. Whoever made such keys could forge proofs: certificates made with them
// say so. Making them takes about 0.4 ms of processor time a constraint, once; dir holds
// about 500 bytes a constraint. A damaged file is found when it is loaded or, at the latest,
// by Prove, which checks its own proofs.
func Develop(ctx context.Context, p Params, dir string, progress Progress) (*Keys, error) {
	if progress == nil {
		progress = func(string, int, int) {}
	}
	k := &Keys{params: p, dir: dir, entries: map[Statement]*keyEntry{}}
	vks := &VerifyingKeys{params: p}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("development keys: %w", err)
	}
	for i, s := range Statements {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		progress(fmt.Sprintf("%s keys, %s", s, p.Name()), i, len(Statements))
		vk, err := k.develop(s)
		if err != nil {
			return nil, fmt.Errorf("development keys for the %s: %w", s, err)
		}
		vks.set(s, vk)
	}
	progress("keys, "+p.Name(), len(Statements), len(Statements))
	k.verifying = vks
	return k, nil
}

// Cached tells whether Develop would find all keys in dir.
func Cached(p Params, dir string) bool {
	for _, s := range Statements {
		sys, err := compile(shapeOf(p, s))
		if err != nil {
			return false
		}
		if _, err := os.Stat(keyFile(dir, sys.digest(), "verifying")); err != nil {
			return false
		}
	}
	return true
}

func keyFile(dir string, circuit [32]byte, kind string) string {
	return filepath.Join(dir, hex.EncodeToString(circuit[:16])+"."+kind)
}

func (k *Keys) develop(s Statement) (*groth16.VerifyingKey, error) {
	sys, err := compile(shapeOf(k.params, s))
	if err != nil {
		return nil, err
	}
	circuit := sys.digest()
	entry := &keyEntry{system: sys}
	// The verifying key is written last, so its presence says that both are whole.
	if raw, err := os.ReadFile(keyFile(k.dir, circuit, "verifying")); err == nil {
		k.entries[s] = entry
		return decodeVerifyingKey(raw, sys.shape.publics)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var pk groth16.ProvingKey
	var vk groth16.VerifyingKey
	if err := groth16.Setup(sys.r1cs, &pk, &vk); err != nil {
		return nil, err
	}
	if err := writeFile(keyFile(k.dir, circuit, "proving"), func(w io.Writer) error { return pk.WriteDump(w) }); err != nil {
		return nil, err
	}
	raw := encodeVerifyingKey(&vk)
	if err := writeFile(keyFile(k.dir, circuit, "verifying"), func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	}); err != nil {
		return nil, err
	}
	entry.proving = &pk
	k.entries[s] = entry
	return decodeVerifyingKey(raw, sys.shape.publics)
}

// writeFile writes through a temporary file, so that a full disk leaves nothing half-written.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".making-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := errors.Join(write(w), w.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Constraints is the size of a statement's circuit.
func (k *Keys) Constraints(s Statement) int { return k.entries[s].system.r1cs.GetNbConstraints() }

// Preload reads a statement's proving key into memory now rather than at its first proof.
func (k *Keys) Preload(s Statement) error {
	_, err := k.load(s)
	return err
}

// load returns the circuit and the proving key, reading it from disk at first use.
func (k *Keys) load(s Statement) (*keyEntry, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	entry := k.entries[s]
	if entry.proving != nil {
		return entry, nil
	}
	path := keyFile(k.dir, entry.system.digest(), "proving")
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("proving key of the %s: %w", s, err)
	}
	defer f.Close()
	pk := new(groth16.ProvingKey)
	if err := readProvingKey(pk, f); err != nil {
		return nil, fmt.Errorf("proving key of the %s: %s is damaged, remove it to make it anew: %w", s, path, err)
	}
	if len(pk.InfinityA) != entry.system.wires() || len(pk.CommitmentKeys) != 1 {
		return nil, fmt.Errorf("proving key of the %s: %s is for another circuit, remove it to make it anew", s, path)
	}
	entry.proving = pk
	return entry, nil
}

func readProvingKey(pk *groth16.ProvingKey, r io.Reader) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("unreadable")
		}
	}()
	return pk.ReadDump(bufio.NewReaderSize(r, 1<<20))
}

func (sys *system) wires() int {
	internal, secret, public := sys.r1cs.GetNbVariables()
	return internal + secret + public
}

// digest identifies the circuit: every constraint, with its coefficients.
func (sys *system) digest() [32]byte {
	h := sha256.New()
	w := bufio.NewWriterSize(h, 1<<16)
	fmt.Fprintf(w, "parley circuit %d %s %s\n", Version, sys.shape.statement, sys.shape.params.describe())
	expression := func(e constraint.LinearExpression) {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], uint64(len(e)))
		_, _ = w.Write(word[:])
		for _, t := range e {
			coefficient := sys.r1cs.GetCoefficient(t.CoeffID())
			for _, limb := range coefficient {
				binary.LittleEndian.PutUint64(word[:], limb)
				_, _ = w.Write(word[:])
			}
			binary.LittleEndian.PutUint64(word[:], uint64(t.WireID()))
			_, _ = w.Write(word[:])
		}
	}
	iterator := sys.r1cs.GetR1CIterator()
	for c := iterator.Next(); c != nil; c = iterator.Next() {
		expression(c.L)
		expression(c.R)
		expression(c.O)
	}
	_ = w.Flush()
	return [32]byte(h.Sum(nil))
}
