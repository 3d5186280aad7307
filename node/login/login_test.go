package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"parley/node/scram"
)

// mei is the only person who may log in.
type mei struct{ v scram.Verifier }

const right = "correct horse battery"

func (m mei) Verifier(name string) (scram.Verifier, bool) { return m.v, name == "Mei" }
func (m mei) Certified(name string, c *x509.Certificate) bool {
	return name == "Mei" && len(c.Raw) == 3
}

// guard has a clock that the test moves.
func guard(t *testing.T, limits Limits) (*Guard, *time.Time) {
	t.Helper()
	v, err := scram.New(right)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	g, err := NewGuard(mei{v}, []byte("a secret of this test, 32 bytes!"), limits, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return g, &now
}

var here, away = netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.7")

// TestPassword: the right one of a person who exists, and nothing else.
func TestPassword(t *testing.T) {
	g, _ := guard(t, Limits{FailuresPerUser: 100, FailuresPerAddress: 100})
	if err := g.Password(t.Context(), "Mei", right, here); err != nil {
		t.Error(err)
	}
	for _, c := range [][2]string{{"Mei", "correct horse batterz"}, {"Mei", ""}, {"Mei", strings.Repeat("x", 1<<16)}, {"Wang", right}, {"", right},
		{"mei", right}, {strings.Repeat("M", MaxNameBytes+1), right}, {"Mei", right + "\x00"}} {
		if err := g.Password(t.Context(), c[0], c[1], here); !errors.Is(err, ErrWrong) {
			t.Errorf("%.20q: %v", c[0], err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	g.checking <- struct{}{}
	if err := g.Password(ended, "Mei", right, here); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-g.checking
}

// TestFailures: after as many wrong passwords as are allowed the right one is not looked at either, until the minute is over. Another
// place, and on the loopback another name, is not kept out.
func TestFailures(t *testing.T) {
	g, now := guard(t, Limits{FailuresPerUser: 2, FailuresPerAddress: 3})
	wrong := func(name string, from netip.Addr, want error) {
		t.Helper()
		if err := g.Password(t.Context(), name, "a wrong password", from); !errors.Is(err, want) {
			t.Errorf("%s from %s: %v, want %v", name, from, err, want)
		}
	}
	wrong("Mei", away, ErrWrong)
	wrong("Mei", away, ErrWrong)
	if err := g.Password(t.Context(), "Mei", right, away); !errors.Is(err, ErrTired) {
		t.Error(err)
	}
	if err := g.Password(t.Context(), "Mei", right, here); err != nil {
		t.Error(err)
	}
	wrong("Wang", away, ErrWrong)
	wrong("Li", away, ErrTired) // the place has had its three
	for _, name := range []string{"a", "b", "c", "d"} {
		wrong(name, here, ErrWrong)
	}
	*now = now.Add(time.Minute)
	if err := g.Password(t.Context(), "Mei", right, away); err != nil {
		t.Error(err)
	}
}

// TestCertificate: a single one, of the present, that the people's keeper knows.
func TestCertificate(t *testing.T) {
	g, now := guard(t, DefaultLimits())
	c := func(from, until time.Duration, bytes int) *x509.Certificate {
		return &x509.Certificate{NotBefore: now.Add(from), NotAfter: now.Add(until), Raw: make([]byte, bytes)}
	}
	shown := func(certificates ...*x509.Certificate) *tls.ConnectionState {
		return &tls.ConnectionState{PeerCertificates: certificates}
	}
	good := c(-time.Hour, time.Hour, 3)
	if !g.Certificate("Mei", shown(good), *now) {
		t.Error("a good certificate is refused")
	}
	for i, s := range []*tls.ConnectionState{nil, shown(), shown(good, good), shown(c(time.Minute, time.Hour, 3)), shown(c(-time.Hour, -time.Minute, 3)),
		shown(c(-time.Hour, time.Hour, 4)), shown(c(-time.Hour, time.Hour, maxCertificateBytes+1))} {
		if g.Certificate("Mei", s, *now) {
			t.Errorf("case %d is let in", i)
		}
	}
	if g.Certificate("Wang", shown(good), *now) || g.Certificate("", shown(good), *now) {
		t.Error("Mei's certificate lets others in")
	}
}

// TestTokens: forged, ended, expired and displaced tokens stand for nobody.
func TestTokens(t *testing.T) {
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	tokens := NewTokens(time.Hour, func() time.Time { return now })
	a, until := tokens.Issue("Mei")
	b, _ := tokens.Issue("Wang")
	if a == b || !until.Equal(now.Add(time.Hour)) {
		t.Errorf("%q, %q until %s", a, b, until)
	}
	holds := func(token, person string) {
		t.Helper()
		got, err := tokens.Person(token)
		if got != person || (err != nil) != (person == "") {
			t.Errorf("%q stands for %q (%v), want %q", token, got, err, person)
		}
	}
	holds(a, "Mei")
	holds(b, "Wang")
	last := a[:len(a)-1]
	for _, forged := range []string{"", "x", last, last + "!", a + a, strings.ToUpper(a), a + "=", strings.Repeat("A", 43)} {
		if forged != a {
			holds(forged, "")
		}
	}
	for i := range a { // no character of it is left unlooked at
		c := byte('A')
		if a[i] == c {
			c = 'B'
		}
		holds(a[:i]+string(c)+a[i+1:], "")
	}
	tokens.End(a)
	holds(a, "")
	holds(b, "Wang")
	now = now.Add(time.Hour)
	holds(b, "")
	c, _ := tokens.Issue("Mei")
	for range MaxTokens {
		tokens.Issue("Mei")
	}
	holds(c, "")
	tokens.EndAll("Mei")
	tokens.EndAll("Wang")
	if len(tokens.held) != 0 || len(tokens.of) != 0 {
		t.Errorf("%d tokens of %d people are left", len(tokens.held), len(tokens.of))
	}
}

// FuzzTokens: no text that was not given stands for anybody.
func FuzzTokens(f *testing.F) {
	tokens := NewTokens(0, nil)
	given, _ := tokens.Issue("Mei")
	f.Add("")
	f.Add(given[:42] + "=")
	f.Add(strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, token string) {
		if person, err := tokens.Person(token); err == nil && token != given {
			t.Errorf("%q stands for %s", token, person)
		}
	})
}

// TestPlaces: what counts as one place.
func TestPlaces(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1": "loopback", "127.8.9.1": "loopback", "::1": "loopback", "::ffff:127.0.0.1": "loopback",
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::1": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := Place(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is of %s, want %s", address, got, want)
		}
	}
}
