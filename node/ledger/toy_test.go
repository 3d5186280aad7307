package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"parley/engine"
)

// toy is a small State. A transaction is words: "note TEXT" is taken; "lie
// TEXT" is ordered, though refused; "add KEY" and "remove KEY" change the
// validators; anything else is refused. None is ordered twice.
type toy struct {
	Number uint64
	Keys   [][]byte
	Seen   [][]byte // hashes of all that was ordered, in order
	Places []uint64
	fuse   *atomic.Int32 // "boom" panics when it was tried more than twice
}

type toyEncoding struct {
	_      struct{} `cbor:",toarray"`
	Number uint64
	Keys   [][]byte
	Seen   [][]byte
	Places []uint64
}

func newToy(keys []ed25519.PublicKey) *toy {
	t := &toy{}
	for _, k := range keys {
		t.Keys = append(t.Keys, k)
	}
	return t
}

func (t *toy) Clone() State {
	c := *t
	c.Keys, c.Seen, c.Places = slices.Clone(t.Keys), slices.Clone(t.Seen), slices.Clone(t.Places)
	return &c
}

func (t *toy) Apply(at Place, tx []byte) Result {
	hash := Hash(tx)
	if slices.ContainsFunc(t.Seen, func(h []byte) bool { return bytes.Equal(h, hash[:]) }) {
		return Result{Code: "duplicate", Sentence: "this stands on the ledger"}
	}
	r := Result{Ordered: true, Number: t.Number + 1}
	verb, rest, _ := strings.Cut(string(tx), " ")
	key, _ := hex.DecodeString(rest)
	switch {
	case verb == "note":
	case verb == "next" && rest == strconv.FormatUint(t.Number, 10): // only right after that one
	case verb == "boom" && t.fuse != nil:
		if t.fuse.Add(1) > 2 {
			panic("boom")
		}
	case verb == "lie":
		r.Code, r.Sentence = "lie", "this convicts its author"
	case verb == "add" && len(key) == ed25519.PublicKeySize:
		t.Keys = append(t.Keys, key)
	case verb == "remove" && len(t.Keys) > 1:
		t.Keys = slices.DeleteFunc(t.Keys, func(k []byte) bool { return bytes.Equal(k, key) })
	default:
		return Result{Code: "nonsense", Sentence: "this means nothing"}
	}
	t.Number++
	t.Seen = append(t.Seen, hash[:])
	t.Places = append(t.Places, at.Block, uint64(at.Time.UnixNano()))
	return r
}

// toyAuthor: each transaction is another author's.
func toyAuthor(tx []byte) string { return string(tx) }

func (t *toy) Applied() uint64 { return t.Number }
func (t *toy) Marshal() []byte {
	return engine.Marshal(toyEncoding{Number: t.Number, Keys: t.Keys, Seen: t.Seen, Places: t.Places})
}

func (t *toy) Hash() []byte {
	h := sha256.Sum256(t.Marshal())
	return h[:]
}

func (t *toy) Validators() []ed25519.PublicKey {
	var out []ed25519.PublicKey
	for _, k := range t.Keys {
		out = append(out, k)
	}
	return out
}

func parseToy(b []byte) (State, error) {
	var e toyEncoding
	if err := engine.Unmarshal(b, &e); err != nil {
		return nil, err
	}
	return &toy{Number: e.Number, Keys: e.Keys, Seen: e.Seen, Places: e.Places}, nil
}
