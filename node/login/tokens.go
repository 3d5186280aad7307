package login

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync"
	"time"
)

const (
	// TokenLife is how long a token stands for a login.
	TokenLife = 8 * time.Hour
	// MaxTokens is how many a person has at once: the oldest ends where there is one more.
	MaxTokens = 32

	tokenBytes = 32
)

// ErrToken is of a token that was never given, has ended, or was taken back. Nothing tells which.
var ErrToken = errors.New("the token is unknown or has ended: log in again")

// Tokens stand for logins. Only their hashes are kept, and only in memory: whoever reads that logs in as nobody, and after a restart
// everybody logs in anew. Safe for concurrent use.
type Tokens struct {
	life time.Duration
	now  func() time.Time

	mu   sync.Mutex
	held map[[sha256.Size]byte]session
	of   map[string][][sha256.Size]byte // a person's, the oldest first
}

type session struct {
	person string
	until  time.Time
}

// NewTokens makes an empty account; life 0 is TokenLife, now nil is time.Now.
func NewTokens(life time.Duration, now func() time.Time) *Tokens {
	if life == 0 {
		life = TokenLife
	}
	if now == nil {
		now = time.Now
	}
	return &Tokens{life: life, now: now, held: map[[sha256.Size]byte]session{}, of: map[string][][sha256.Size]byte{}}
}

// Issue gives a token of 256 random bits that stands for a person, and until when.
func (t *Tokens) Issue(person string) (token string, until time.Time) {
	raw := make([]byte, tokenBytes)
	rand.Read(raw) // never fails (crypto/rand)
	token = base64.RawURLEncoding.EncodeToString(raw)
	t.mu.Lock()
	defer t.mu.Unlock()
	until = t.now().Add(t.life)
	for len(t.of[person]) >= MaxTokens {
		t.drop(t.of[person][0])
	}
	hash := sha256.Sum256([]byte(token))
	t.held[hash] = session{person, until}
	t.of[person] = append(t.of[person], hash)
	return token, until
}

// Person is whom a token stands for.
func (t *Tokens) Person(token string) (string, error) {
	hash, ok := hashed(token)
	if !ok {
		return "", ErrToken
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.held[hash] // by its hash: how long that takes tells nothing of a token
	if !ok {
		return "", ErrToken
	}
	if !t.now().Before(s.until) {
		t.drop(hash)
		return "", ErrToken
	}
	return s.person, nil
}

// End takes a token back.
func (t *Tokens) End(token string) {
	hash, ok := hashed(token)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, held := t.held[hash]; held {
		t.drop(hash)
	}
}

// EndAll takes all tokens of a person back.
func (t *Tokens) EndAll(person string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.of[person]) > 0 {
		t.drop(t.of[person][0])
	}
}

// hashed is a token's hash; false where it has not the form of one.
func hashed(token string) (hash [sha256.Size]byte, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenBytes || len(token) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return hash, false
	}
	return sha256.Sum256([]byte(token)), true
}

// drop forgets a token that is held; t.mu is held.
func (t *Tokens) drop(hash [sha256.Size]byte) {
	person := t.held[hash].person
	delete(t.held, hash)
	rest := t.of[person][:0]
	for _, h := range t.of[person] {
		if h != hash {
			rest = append(rest, h)
		}
	}
	if t.of[person] = rest; len(rest) == 0 {
		delete(t.of, person)
	}
}
