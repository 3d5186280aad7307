package scram

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// TestRFC7677: the exchange of section 3 of the RFC, checked by the verifier alone: the client's proof
// gives the stored key, and the server's key its signature.
func TestRFC7677(t *testing.T) {
	decode := func(text string) []byte {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	v, err := derive("pencil", decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
	if err != nil {
		t.Fatal(err)
	}
	const nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	said := "n=user,r=rOprNGfwEbeRWgbNEkqO,r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=" + nonce
	key, signature := decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), mac(v.StoredKey[:], said)
	for i := range key {
		key[i] ^= signature[i]
	}
	if sha256.Sum256(key) != v.StoredKey {
		t.Error("the client's proof is refused")
	}
	if got := base64.StdEncoding.EncodeToString(mac(v.ServerKey[:], said)); got != "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" {
		t.Errorf("the server's signature is %s", got)
	}
}

// TestVerifiers: each has a salt of its own, shows nothing by accident, and a password that clients
// may prepare differently, or that is short, is refused without being repeated.
func TestVerifiers(t *testing.T) {
	const password = "correct horse battery"
	a, err := New(password)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(password)
	if err != nil || a.Text() == b.Text() || !strings.HasPrefix(a.Text(), "SCRAM-SHA-256$100000:") || strings.Count(a.Text(), "$") != 2 {
		t.Errorf("%q, %q, %v", a.Text(), b.Text(), err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, a); text != "SCRAM-SHA-256 verifier" {
			t.Errorf("%s shows %q", verb, text)
		}
	}
	for what, bad := range map[string]string{"empty": "", "short": "elevenchars", "long": strings.Repeat("x", 129), "a line": "correct horse\nbattery",
		"a tab": "correct\thorse battery", "an accent": "correct hörse battery", "Chinese": "正确的马电池订书钉正确的马", "bytes": "correct horse \xff\xfe"} {
		if _, err := New(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := Check("twelve chars"); err != nil {
		t.Error(err)
	}
}
