package scram

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// answer is what an honest client says last: it knows the salted password's keys.
func answer(password string, v Verifier, header string, channel []byte, bare, challenge string) string {
	fields := strings.Split(challenge, ",")
	own, err := derive(password, v.Salt, v.Iterations)
	if err != nil {
		panic(err)
	}
	without := "c=" + base64.StdEncoding.EncodeToString(append([]byte(header), channel...)) + "," + fields[0]
	proof := mac(own.StoredKey[:], bare+","+challenge+","+without)
	subtle.XORBytes(proof, proof, clientKey(password, v))
	return without + ",p=" + base64.StdEncoding.EncodeToString(proof)
}

func clientKey(password string, v Verifier) []byte {
	salted, err := pbkdf2.Key(sha256.New, password, v.Salt, v.Iterations, sha256.Size)
	if err != nil {
		panic(err)
	}
	return mac(salted, "Client Key")
}

const pencil = "pencil and paper"

// cheap is a verifier of few iterations, for tests.
func cheap(t *testing.T) Verifier {
	t.Helper()
	v, err := derive(pencil, []byte("sixteen salty by"), 16)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestServerRFC7677: the exchange of section 3 of the RFC, to the byte.
func TestServerRFC7677(t *testing.T) {
	salt, _ := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	v, err := derive("pencil", salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(v, nil)
	s.nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	challenge, err := s.First(Plain, []byte("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"))
	if err != nil || string(challenge) != "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096" {
		t.Fatalf("%q, %v", challenge, err)
	}
	signature, err := s.Final([]byte("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="))
	if err != nil || string(signature) != "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" {
		t.Fatalf("%q, %v", signature, err)
	}
	if _, err := s.Final([]byte("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")); !errors.Is(err, ErrMalformed) {
		t.Errorf("the same proof again: %v", err)
	}
}

// TestServer: who knows the password is let in, with and without the channel's binding.
func TestServer(t *testing.T) {
	channel := []byte("the hash of the certificate shown")
	for _, c := range []struct {
		what, mechanism, header string
		offered, bound          []byte
	}{
		{"plain", Plain, "n,,", nil, nil},
		{"plain where more is offered, by a client that cannot", Plain, "n,,", channel, nil},
		{"a client that could, and was not offered it", Plain, "y,,", nil, nil},
		{"plus", Plus, "p=tls-server-end-point,,", channel, channel},
	} {
		for _, bare := range []string{"n=,r=abc", "n=*,r=abc", "n=someone=2Celse,r=abc", "n=,r=abc,x=ignored"} {
			v := cheap(t)
			s := NewServer(v, c.offered)
			challenge, err := s.First(c.mechanism, []byte(c.header+bare))
			if err != nil {
				t.Errorf("%s, %s: %v", c.what, bare, err)
				continue
			}
			if _, err := s.Final([]byte(answer(pencil, v, c.header, c.bound, bare, string(challenge)))); err != nil {
				t.Errorf("%s, %s: %v", c.what, bare, err)
			}
		}
	}
	if got := Mechanisms(nil); !reflect.DeepEqual(got, []string{Plain}) {
		t.Errorf("%v", got)
	}
	if got := Mechanisms(channel); !reflect.DeepEqual(got, []string{Plus, Plain}) {
		t.Errorf("%v", got)
	}
}

// TestServerRefuses: each forgery of the last message, and each first message that is not one.
func TestServerRefuses(t *testing.T) {
	channel, v := []byte("the hash of the certificate shown"), cheap(t)
	const plus, bare = "p=tls-server-end-point,,", "n=,r=abc"
	replayed := ""
	for _, c := range []struct {
		what string
		last func(challenge string) string
		want error
	}{
		{"another password", func(ch string) string { return answer("pencil and ink..", v, plus, channel, bare, ch) }, ErrRefused},
		{"another channel", func(ch string) string { return answer(pencil, v, plus, []byte("another"), bare, ch) }, ErrChannel},
		{"no channel", func(ch string) string { return answer(pencil, v, plus, nil, bare, ch) }, ErrChannel},
		{"the header of plain", func(ch string) string { return answer(pencil, v, "n,,", nil, bare, ch) }, ErrChannel},
		{"another user in what is proven", func(ch string) string { return answer(pencil, v, plus, channel, "n=x,r=abc", ch) }, ErrRefused},
		{"the client's nonce alone", func(ch string) string { return answer(pencil, v, plus, channel, bare, "r=abc,"+ch) }, ErrMalformed},
		{"what is kept in the place of the key", func(ch string) string {
			without := "c=" + base64.StdEncoding.EncodeToString([]byte(plus+string(channel))) + "," + strings.Split(ch, ",")[0]
			proof := mac(v.StoredKey[:], bare+","+ch+","+without)
			subtle.XORBytes(proof, proof, v.StoredKey[:])
			return without + ",p=" + base64.StdEncoding.EncodeToString(proof)
		}, ErrRefused},
		{"no proof", func(ch string) string {
			m, _, _ := strings.Cut(answer(pencil, v, plus, channel, bare, ch), ",p=")
			return m
		}, ErrMalformed},
		{"a proof of zero bytes", func(ch string) string {
			m, _, _ := strings.Cut(answer(pencil, v, plus, channel, bare, ch), ",p=")
			return m + ",p="
		}, ErrMalformed},
		{"a proof that is too long", func(ch string) string { return answer(pencil, v, plus, channel, bare, ch) + "AAAA" }, ErrMalformed},
		{"something after the proof", func(ch string) string { return answer(pencil, v, plus, channel, bare, ch) + ",x=1" }, ErrMalformed},
		{"an extension that is a must", func(ch string) string {
			return strings.Replace(answer(pencil, v, plus, channel, bare, ch), ",p=", ",m=1,p=", 1)
		}, ErrMalformed},
		{"an extension that the proof does not cover", func(ch string) string {
			return strings.Replace(answer(pencil, v, plus, channel, bare, ch), ",p=", ",x=1,p=", 1)
		}, ErrRefused},
		{"a proof of an exchange before", func(ch string) string {
			if replayed == "" {
				t.Fatal("nothing to replay")
			}
			return replayed
		}, ErrMalformed},
		{"a line break", func(ch string) string { return answer(pencil, v, plus, channel, bare, ch) + "\n" }, ErrMalformed},
		{"nothing", func(string) string { return "" }, ErrMalformed},
	} {
		before := NewServer(v, channel)
		challenge, err := before.First(Plus, []byte(plus+bare))
		if err != nil {
			t.Fatal(err)
		}
		replayed = answer(pencil, v, plus, channel, bare, string(challenge))
		if _, err := before.Final([]byte(replayed)); err != nil {
			t.Fatalf("the honest one is refused: %v", err)
		}
		s := NewServer(v, channel)
		if challenge, err = s.First(Plus, []byte(plus+bare)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Final([]byte(c.last(string(challenge)))); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %q, %v, want %v", c.what, got, err, c.want)
		}
		if got, err := s.Final([]byte(answer(pencil, v, plus, channel, bare, string(challenge)))); err == nil {
			t.Errorf("after %s the right one is taken: %q", c.what, got)
		}
	}
	for _, c := range []struct {
		mechanism, first string
		offered          []byte
		want             error
	}{
		{Plain, "y,,n=,r=abc", channel, ErrChannel}, // the offer was taken out of the list on its way
		{Plain, "p=tls-server-end-point,,n=,r=abc", channel, ErrMalformed},
		{Plus, "n,,n=,r=abc", channel, ErrMalformed},
		{Plus, "y,,n=,r=abc", channel, ErrMalformed},
		{Plus, "p=tls-unique,,n=,r=abc", channel, ErrMalformed},
		{Plus, "p=tls-server-end-point,,n=,r=abc", nil, ErrMalformed},
		{"SCRAM-SHA-1", "n,,n=,r=abc", nil, ErrMalformed},
		{"", "n,,n=,r=abc", nil, ErrMalformed},
		{Plain, "n,a=admin,n=,r=abc", nil, ErrMalformed},
		{Plain, "n,,m=1,n=,r=abc", nil, ErrMalformed},
		{Plain, "n,,n=,r=abc,m=1", nil, ErrMalformed},
		{Plain, "n,,n=,r=", nil, ErrMalformed},
		{Plain, "n,,n=,r=a b", nil, ErrMalformed},
		{Plain, "n,,n=,r=" + strings.Repeat("x", maxNonce+1), nil, ErrMalformed},
		{Plain, "n,,r=abc,n=", nil, ErrMalformed},
		{Plain, "n,,n=", nil, ErrMalformed},
		{Plain, "n,n=,r=abc", nil, ErrMalformed},
		{Plain, "n", nil, ErrMalformed},
		{Plain, "", nil, ErrMalformed},
		{Plain, "n,,n=\xff,r=abc", nil, ErrMalformed},
		{Plain, "n,,n=\x00,r=abc", nil, ErrMalformed},
	} {
		s := NewServer(v, c.offered)
		if got, err := s.First(c.mechanism, []byte(c.first)); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s, %q: %q, %v", c.mechanism, c.first, got, err)
		}
		if _, err := s.First(Plain, []byte("n,,n=,r=abc")); err == nil {
			t.Errorf("after %q a second first message is taken", c.first)
		}
		if _, err := s.Final([]byte("c=biws,r=abc,p=" + base64.StdEncoding.EncodeToString(make([]byte, 32)))); err == nil {
			t.Errorf("after %q a last message is taken", c.first)
		}
	}
}

// TestFake: nobody logs in as nobody, even who knows all that is kept of them, and the challenge looks like any other and stays.
func TestFake(t *testing.T) {
	secret := []byte("a secret of this server's own")
	v := Fake(secret, "nobody")
	if again := Fake(secret, "nobody"); !reflect.DeepEqual(v, again) {
		t.Error("another salt the second time")
	}
	if reflect.DeepEqual(v.Salt, Fake(secret, "somebody").Salt) || reflect.DeepEqual(v.Salt, Fake([]byte("another"), "nobody").Salt) {
		t.Error("the same salt for all")
	}
	if v.Iterations != Iterations || len(v.Salt) != saltBytes {
		t.Errorf("%d iterations, %d bytes of salt", v.Iterations, len(v.Salt))
	}
	real := cheap(t)
	real.fake = true
	s := NewServer(real, nil)
	challenge, err := s.First(Plain, []byte("n,,n=,r=abc"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Final([]byte(answer(pencil, real, "n,,", nil, "n=,r=abc", string(challenge)))); !errors.Is(err, ErrRefused) {
		t.Errorf("a right proof for nobody: %v", err)
	}
	if a, b := NewServer(real, nil), NewServer(real, nil); a.nonce == b.nonce || len(a.nonce) < 24 {
		t.Errorf("nonces %s and %s", a.nonce, b.nonce)
	}
}

// TestParse: a verifier's text is read as it was written, and nothing else is.
func TestParse(t *testing.T) {
	v, err := New("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(v.Text())
	if err != nil || !reflect.DeepEqual(back, v) {
		t.Fatalf("%v", err)
	}
	good := v.Text()
	for i := range good {
		bad := good[:i] + "!" + good[i+1:]
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, bad := range []string{"", good + "\n", " " + good, good + ":", strings.Replace(good, "$100000:", "$4096:", 1), strings.Replace(good, "$100000:", "$100000::", 1),
		strings.Replace(good, "256$", "256$$", 1), strings.Repeat(good, 3), "md5" + strings.Repeat("a", 32)} {
		if _, err := Parse(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzServer(f *testing.F) {
	f.Add(Plain, "n,,n=user,r=abc", "c=biws,r=abcdef,p="+base64.StdEncoding.EncodeToString(make([]byte, sha256.Size)), true)
	f.Add(Plus, "p=tls-server-end-point,,n=*,r=abc,x=1", "c=,r=,x=,p=", true)
	f.Add(Plain, "y,,n=,r=abc", "", false)
	f.Fuzz(func(t *testing.T, mechanism, first, last string, offered bool) {
		var channel []byte
		if offered {
			channel = []byte("channel")
		}
		v := Fake([]byte("secret"), "user")
		v.fake = false
		s := NewServer(v, channel)
		challenge, err := s.First(mechanism, []byte(first))
		if (challenge == nil) == (err == nil) || len(challenge) > 512 {
			t.Fatalf("%q, %v", challenge, err)
		}
		last = strings.ReplaceAll(last, "def", s.nonce)
		if got, err := s.Final([]byte(last)); err == nil || got != nil {
			t.Fatalf("a proof out of nothing: %q, %q: %q", first, last, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(Fake([]byte("secret"), "user").Text())
	f.Add(fmt.Sprintf("SCRAM-SHA-256$%d:$:", Iterations))
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := Parse(text); err == nil && v.Text() != text {
			t.Fatalf("%q becomes another", text)
		}
	})
}
