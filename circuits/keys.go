package circuits

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	groth16 "github.com/consensys/gnark/backend/groth16/bn254"

	"github.com/consensys/gnark/constraint"
)

// ErrBrokenKey says that a key is not what it must be: not the network's, not its circuit's, or
// that a proof made with it did not verify. Whoever gets it makes no proof any more: a key that
// fails on some witnesses tells, by failing, about the witness.
var ErrBrokenKey = errors.New("the proving keys are broken")

// Keys holds the proving and verifying keys of a parameter set, for Statements or for these and
// JoinStatements. Proving keys are read and checked at first use; safe for concurrent use.
type Keys struct {
	params    Params
	dir       string
	of        []Statement
	verifying *VerifyingKeys

	mu      sync.Mutex
	entries map[Statement]*keyEntry
	broken  error // what was found first
}

type keyEntry struct {
	system  *system
	layout  *layout
	digest  [32]byte // of the proving half's file
	proving *groth16.ProvingKey
}

// Params is the set that the keys are for.
func (k *Keys) Params() Params { return k.params }

// Verifying is the public half.
func (k *Keys) Verifying() *VerifyingKeys { return k.verifying }

// Proving is the digests of the files of the proving halves, in the order of the statements; a
// network pins them.
func (k *Keys) Proving() [][32]byte {
	var digests [][32]byte
	for _, s := range k.of {
		digests = append(digests, k.entries[s].digest)
	}
	return digests
}

// Progress is told what is being made and how far it is.
type Progress func(step string, done, total int)

// Develop makes development keys on this machine, or finds them in dir, where they are kept
// by circuit digest. Whoever makes such keys can forge proofs, and with keys made for it read what
// they hide; what a key must be is checked at its first use (Prove). Making them takes about
// 0.15 ms of processor time a constraint, once; dir holds about 800 bytes a constraint. Nobody
// else may be able to write to dir: what was checked once is not checked again.
func Develop(ctx context.Context, p Params, dir string, progress Progress) (*Keys, error) {
	return developAll(ctx, p, dir, Statements, progress)
}

// DevelopJoined is Develop for a network that joins tables across departments: keys of
// JoinStatements, too, which take four times the room of the others.
func DevelopJoined(ctx context.Context, p Params, dir string, progress Progress) (*Keys, error) {
	return developAll(ctx, p, dir, slices.Concat(Statements, JoinStatements), progress)
}

func developAll(ctx context.Context, p Params, dir string, statements []Statement, progress Progress) (*Keys, error) {
	if progress == nil {
		progress = func(string, int, int) {}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("development keys: %w", err)
	}
	k, err := newKeys(p, dir, statements)
	if err != nil {
		return nil, err
	}
	for i, s := range statements {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		progress(fmt.Sprintf("%s keys, %s", s, p.Name()), i, len(statements))
		if err := k.develop(s); err != nil {
			return nil, fmt.Errorf("development keys for the %s: %w", s, err)
		}
	}
	progress("keys, "+p.Name(), len(statements), len(statements))
	return k, nil
}

// Load finds keys in dir that are known by their verifying halves and by the digests of the files
// of their proving halves. Error: os.ErrNotExist where any is missing or is another one.
func Load(p Params, dir string, verifying *VerifyingKeys, proving [][32]byte) (*Keys, error) {
	if len(proving) != len(verifying.of) {
		return nil, fmt.Errorf("%d digests of proving keys, want %d", len(proving), len(verifying.of))
	}
	k, err := newKeys(p, dir, verifying.of)
	if err != nil {
		return nil, err
	}
	for i, s := range k.of {
		entry := k.entries[s]
		if entry.digest, err = digestFile(keyFile(dir, entry.layout, "proving")); err != nil {
			return nil, fmt.Errorf("proving key of the %s: %w", s, err)
		}
		if entry.digest != proving[i] {
			return nil, fmt.Errorf("%s holds another proving key of the %s: %w", dir, s, os.ErrNotExist)
		}
	}
	k.verifying = verifying
	return k, nil
}

// KeyFile is the file of a statement's proving half: its name in a folder of keys, and its one
// length in bytes.
type KeyFile struct {
	Name string
	Size int64
}

// ProvingFiles are the files of the proving halves that these keys verify for, in the order of
// the statements.
func (vk *VerifyingKeys) ProvingFiles() ([]KeyFile, error) {
	k, err := newKeys(vk.params, "", vk.of)
	if err != nil {
		return nil, err
	}
	return k.Files(), nil
}

// Files are the files of the proving halves, in the order of the statements.
func (k *Keys) Files() []KeyFile {
	var files []KeyFile
	for _, s := range k.of {
		l := k.entries[s].layout
		files = append(files, KeyFile{filepath.Base(keyFile("", l, "proving")), l.provingSize()})
	}
	return files
}

// Cached reports whether Develop would find all keys in dir.
func Cached(p Params, dir string) bool { return cachedAll(p, dir, Statements) }

// CachedJoined is Cached for DevelopJoined.
func CachedJoined(p Params, dir string) bool {
	return cachedAll(p, dir, slices.Concat(Statements, JoinStatements))
}

func cachedAll(p Params, dir string, statements []Statement) bool {
	k, err := newKeys(p, dir, statements)
	if err != nil {
		return false
	}
	for _, entry := range k.entries {
		if _, err := os.Stat(keyFile(dir, entry.layout, "verifying")); err != nil {
			return false
		}
	}
	return true
}

func newKeys(p Params, dir string, statements []Statement) (*Keys, error) {
	k := &Keys{params: p, dir: dir, of: statements, verifying: &VerifyingKeys{params: p}, entries: map[Statement]*keyEntry{}}
	for _, s := range statements {
		c, err := compiledOnce(p, s)
		if err != nil {
			return nil, err
		}
		k.entries[s] = &keyEntry{system: c.system, layout: c.layout}
	}
	return k, nil
}

// compiled is what keys of one circuit have in common; nothing changes it.
type compiled struct {
	system *system
	layout *layout
}

var compiledCircuits sync.Map // description of the circuit → func() (compiled, error)

// compiledOnce compiles each circuit once in a process: keys are looked for in several places.
func compiledOnce(p Params, s Statement) (compiled, error) {
	once, _ := compiledCircuits.LoadOrStore(fmt.Sprintf("%s %s", s, p.describe()), sync.OnceValues(func() (compiled, error) {
		sys, err := compile(shapeOnce(p, s))
		if err != nil {
			return compiled{}, err
		}
		return compiled{sys, sys.layout()}, nil
	}))
	return once.(func() (compiled, error))()
}

var shapes sync.Map // description of the circuit → *shape

// shapeOnce builds each shape once in a process: every verification needs it.
func shapeOnce(p Params, s Statement) *shape {
	name := fmt.Sprintf("%s %s", s, p.describe())
	if known, ok := shapes.Load(name); ok {
		return known.(*shape)
	}
	known, _ := shapes.LoadOrStore(name, shapeOf(p, s))
	return known.(*shape)
}

// keyFile is named after the circuit and the format.
func keyFile(dir string, l *layout, kind string) string {
	name := sha256.Sum256(append([]byte(provingTitle), l.circuit[:]...))
	return filepath.Join(dir, hex.EncodeToString(name[:16])+"."+kind)
}

// develop finds the statement's two halves in the folder, or makes them.
func (k *Keys) develop(s Statement) error {
	entry := k.entries[s]
	proving, verifying := keyFile(k.dir, entry.layout, "proving"), keyFile(k.dir, entry.layout, "verifying")
	// The verifying key is written last, so its presence says that both are whole.
	raw, err := os.ReadFile(verifying)
	if errors.Is(err, os.ErrNotExist) {
		h, vk, err := entry.system.setup(entry.layout)
		if err != nil {
			return err
		}
		if err := writeFile(proving, func(w io.Writer) error { return entry.layout.writeProving(w, h) }); err != nil {
			return err
		}
		raw = encodeVerifyingKey(vk)
		if err := writeFile(verifying, func(w io.Writer) error { _, err := w.Write(raw); return err }); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if entry.digest, err = digestFile(proving); err != nil {
		return err
	}
	vk, err := decodeVerifyingKey(raw, entry.system.shape.inputs())
	if err != nil {
		return err
	}
	k.verifying.set(s, vk)
	return nil
}

func digestFile(path string) (digest [32]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return digest, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return [32]byte(h.Sum(nil)), err
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

// Preload reads and checks a statement's proving key now rather than at its first proof.
func (k *Keys) Preload(s Statement) error {
	_, err := k.load(s)
	return err
}

// load returns the circuit and the proving key, which it reads and checks at first use. Once a
// key was found broken, none is given any more.
func (k *Keys) load(s Statement) (*keyEntry, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken != nil {
		return nil, k.broken
	}
	entry := k.entries[s]
	if entry == nil {
		return nil, fmt.Errorf("there are no keys of the %s", s)
	}
	if entry.proving != nil {
		return entry, nil
	}
	h, err := k.examine(s, entry)
	if err != nil {
		return nil, err
	}
	h.powers = powers{} // they have served, and a pointer into h would keep them
	entry.proving = &h.key
	return entry, nil
}

// Check checks all proving keys that were not checked before, and keeps none in memory. Error:
// ErrBrokenKey, or a key that cannot be read.
func (k *Keys) Check(ctx context.Context, progress Progress) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, s := range k.of {
		if k.broken != nil || ctx.Err() != nil {
			return errors.Join(k.broken, ctx.Err())
		}
		entry := k.entries[s]
		if k.checked(s, entry) {
			continue
		}
		if progress != nil {
			progress(fmt.Sprintf("checking the %s keys, %s", s, k.params.Name()), i, len(k.of))
		}
		if _, err := k.examine(s, entry); err != nil {
			return err
		}
	}
	return nil
}

// examine reads a key and checks it.
func (k *Keys) examine(s Statement, entry *keyEntry) (*provingHalf, error) {
	h, err := k.read(s, entry)
	if err == nil && !k.checked(s, entry) {
		if err = entry.system.check(entry.layout, h, k.verifying.keys[s]); err == nil {
			err = k.mark(s, entry)
		} else {
			err = fmt.Errorf("%w: %w", ErrBrokenKey, err)
		}
	}
	if err != nil {
		err = fmt.Errorf("proving key of the %s (%s): %w", s, keyFile(k.dir, entry.layout, "proving"), err)
		if errors.Is(err, ErrBrokenKey) {
			k.broken = err
		}
		return nil, err
	}
	return h, nil
}

// read reads the file that digest names, and no other.
func (k *Keys) read(s Statement, entry *keyEntry) (*provingHalf, error) {
	f, err := os.Open(keyFile(k.dir, entry.layout, "proving"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hash := sha256.New()
	h, err := entry.layout.readProving(io.TeeReader(f, hash), k.verifying.keys[s])
	var disk *fs.PathError
	switch {
	case errors.As(err, &disk): // nothing is known of what the file holds
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrBrokenKey, err)
	}
	if [32]byte(hash.Sum(nil)) != entry.digest {
		return nil, fmt.Errorf("%w: the file was changed", ErrBrokenKey)
	}
	return h, nil
}

// markOf is what the folder holds once both halves of a key have passed the check.
func (k *Keys) markOf(s Statement, entry *keyEntry) []byte {
	mark := sha256.New()
	mark.Write([]byte("parley key checked 1"))
	mark.Write(entry.layout.circuit[:])
	mark.Write(k.verifying.raw[s])
	mark.Write(entry.digest[:])
	return fmt.Appendf(nil, "%x\n", mark.Sum(nil))
}

// checked reports whether this user marked the key as checked. A mark that is another user's, or
// that others could have written, is none.
func (k *Keys) checked(s Statement, entry *keyEntry) bool {
	path := keyFile(k.dir, entry.layout, "checked")
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != markMode {
		return false
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
		return false
	}
	raw, err := os.ReadFile(path)
	return err == nil && bytes.Equal(raw, k.markOf(s, entry))
}

// markMode is that of the files that writeFile makes.
const markMode fs.FileMode = 0o600

func (k *Keys) mark(s Statement, entry *keyEntry) error {
	return writeFile(keyFile(k.dir, entry.layout, "checked"), func(w io.Writer) error {
		_, err := w.Write(k.markOf(s, entry))
		return err
	})
}

// intact is nil until a key was found to be broken.
func (k *Keys) intact() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.broken
}

// breakOn notes that a proof of this machine's own did not verify.
func (k *Keys) breakOn(s Statement) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken == nil {
		k.broken = fmt.Errorf("%w: a proof of the %s that this machine made does not verify", ErrBrokenKey, s)
	}
	return k.broken
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
