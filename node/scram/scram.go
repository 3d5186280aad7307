// Package scram makes what a server keeps of a password: a SCRAM-SHA-256 verifier (RFC 5802, 7677),
// from which nobody computes the password but by guessing, and by which nobody logs in. And it plays
// the server's side of the exchange by which a client shows that it knows the password.
package scram

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
)

const (
	// Iterations of PBKDF2: a guess costs some hundredths of a second. More than these, clients refuse by
	// default, pgjdbc since 42.7.11 and node-postgres by 8.23, lest a server keep them busy.
	Iterations = 100_000
	// MinLength and MaxLength bound a password, in characters.
	MinLength, MaxLength = 12, 128

	saltBytes = 16

	// maxText bounds a verifier's text.
	maxText = 256
)

// Verifier is what is kept. It is a secret all the same: whoever has it can guess passwords.
type Verifier struct {
	Iterations           int
	Salt                 []byte
	StoredKey, ServerKey [sha256.Size]byte

	fake bool // nobody logs in by it (Fake)
}

// New makes the verifier of a password, with a salt of its own. Cost: Iterations. The error says what is
// wrong with the password, and never holds it.
func New(password string) (Verifier, error) {
	if err := Check(password); err != nil {
		return Verifier{}, err
	}
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails (crypto/rand)
	return derive(password, salt, Iterations)
}

// Check refuses a password that is too short, too long, or not of printable ASCII: of other characters
// clients differ in how they prepare them, and one that is right would be refused.
func Check(password string) error {
	if strings.ContainsFunc(password, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("a password is of printable ASCII: letters without accents, digits, signs and spaces")
	}
	if n := len(password); n < MinLength || n > MaxLength {
		return fmt.Errorf("a password has %d to %d characters, and this one %d", MinLength, MaxLength, n)
	}
	return nil
}

// derive is RFC 5802, section 3.
func derive(password string, salt []byte, iterations int) (Verifier, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return Verifier{}, err
	}
	v := Verifier{Iterations: iterations, Salt: salt, StoredKey: sha256.Sum256(mac(salted, "Client Key"))}
	v.ServerKey = [sha256.Size]byte(mac(salted, "Server Key"))
	return v, nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// Matches reports whether a password is the one of which the verifier was made: for doors to which clients send it, over TLS. Costs
// Iterations, also of a password that no verifier is made of. A fake's never is.
func (v Verifier) Matches(password string) bool {
	right := Check(password) == nil
	if !right {
		password = "" // which may be as long as somebody likes
	}
	shown, err := derive(password, v.Salt, v.Iterations)
	return err == nil && subtle.ConstantTimeCompare(shown.StoredKey[:], v.StoredKey[:]) == 1 && right && !v.fake
}

// Text is the verifier in the form that PostgreSQL keeps, too: SCRAM-SHA-256$ITERATIONS:SALT$STORED:SERVER.
func (v Verifier) Text() string {
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", v.Iterations, encode(v.Salt), encode(v.StoredKey[:]), encode(v.ServerKey[:]))
}

// Parse reads a verifier's text. It refuses other iterations and salts than New's: a challenge that differs from others
// would tell who is known.
func Parse(text string) (Verifier, error) {
	var v Verifier
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == '$' || r == ':' })
	if len(text) > maxText || len(fields) != 5 {
		return v, fmt.Errorf("this is no SCRAM-SHA-256 verifier")
	}
	v.Iterations, v.Salt = Iterations, make([]byte, saltBytes)
	for i, into := range [][]byte{v.Salt, v.StoredKey[:], v.ServerKey[:]} {
		raw, err := base64.StdEncoding.Strict().DecodeString(fields[i+2])
		if err != nil || copy(into, raw) != len(raw) {
			return Verifier{}, fmt.Errorf("this is no SCRAM-SHA-256 verifier that can be used here")
		}
	}
	if v.Text() != text { // in all that was not looked at
		return Verifier{}, fmt.Errorf("this is no SCRAM-SHA-256 verifier of %d iterations: set the password anew", Iterations)
	}
	return v, nil
}

// String shows nothing of it.
func (Verifier) String() string { return "SCRAM-SHA-256 verifier" }

// GoString shows nothing of it.
func (v Verifier) GoString() string { return v.String() }
