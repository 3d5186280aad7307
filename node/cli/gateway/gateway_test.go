package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"parley/node/nodetest"
)

// parse is issue's certificate.
func parse(t *testing.T, der []byte, err error) *x509.Certificate {
	t.Helper()
	nodetest.Check(t, err)
	c, err := x509.ParseCertificate(der)
	nodetest.Check(t, err)
	return c
}

// TestForgedCertificates: whoever has not the very key of a person is not let in by a certificate, nor is anything else that
// this key may have signed.
func TestForgedCertificates(t *testing.T) {
	now := time.Now()
	id, other := nodetest.Identity(t), nodetest.Identity(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	nodetest.Check(t, err)
	der, err := issue(id, &key.PublicKey, 90, now)
	good := parse(t, der, err)
	for _, at := range []time.Time{now, now.Add(-backdate), now.Add(90*24*time.Hour - time.Minute)} {
		if !certified(good, id.Key(), at) {
			t.Errorf("refused at %s", at)
		}
	}
	for what, at := range map[string]time.Time{"before": now.Add(-2 * backdate), "expired": now.Add(90 * 24 * time.Hour)} {
		if certified(good, id.Key(), at) {
			t.Errorf("%s: taken", what)
		}
	}
	if certified(good, other.Key(), now) {
		t.Error("another person's: taken")
	}
	changed := *good
	changed.RawTBSCertificate = append([]byte{}, good.RawTBSCertificate...)
	changed.RawTBSCertificate[len(changed.RawTBSCertificate)-1] ^= 1
	if certified(&changed, id.Key(), now) {
		t.Error("changed: taken")
	}
	template := func() *x509.Certificate {
		return &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: id.Peer()}, NotBefore: now.Add(-backdate), NotAfter: now.Add(time.Hour),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true}
	}
	signer := &x509.Certificate{Subject: pkix.Name{CommonName: id.Peer()}}
	signed := func(public, private any, change func(*x509.Certificate)) *x509.Certificate {
		t.Helper()
		c := template()
		change(c)
		der, err := x509.CreateCertificate(rand.Reader, c, signer, public, private)
		return parse(t, der, err)
	}
	none := func(*x509.Certificate) {}
	if !certified(signed(&key.PublicKey, id.Private(), none), id.Key(), now) {
		t.Fatal("the template itself is refused, so that the rest shows nothing")
	}
	if certified(signed(&key.PublicKey, key, none), id.Key(), now) {
		t.Error("signed by its own key: taken")
	}
	if certified(signed(&key.PublicKey, other.Private(), none), id.Key(), now) {
		t.Error("signed by another identity, in the person's name: taken")
	}
	if certified(signed(id.Private().Public(), id.Private(), none), id.Key(), now) {
		t.Error("of the identity's own key: taken")
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err == nil && certified(signed(&weak.PublicKey, id.Private(), none), id.Key(), now) {
		t.Error("of a weak key: taken")
	}
	for what, change := range map[string]func(*x509.Certificate){
		"an authority's": func(c *x509.Certificate) {
			c.IsCA, c.KeyUsage = true, x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign
		},
		"CA alone":           func(c *x509.Certificate) { c.IsCA = true },
		"no constraints":     func(c *x509.Certificate) { c.BasicConstraintsValid = false },
		"a server's":         func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
		"for anything":       func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} },
		"for a server, too":  func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) },
		"for nothing":        func(c *x509.Certificate) { c.ExtKeyUsage = nil },
		"of another person":  func(c *x509.Certificate) { c.Subject.CommonName = other.Peer() },
		"of a host, too":     func(c *x509.Certificate) { c.DNSNames = []string{"localhost"} },
		"of too long a life": func(c *x509.Certificate) { c.NotAfter = now.Add(400 * 24 * time.Hour) },
		"for encryption":     func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment },
	} {
		if certified(signed(&key.PublicKey, id.Private(), change), id.Key(), now) {
			t.Errorf("%s: taken", what)
		}
	}
}

// TestMaterial: one authority for the folder's life, a server's certificate for its hosts that is made anew before it ends.
func TestMaterial(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	first, made, err := material(dir, []string{"127.0.0.1"}, now)
	nodetest.Check(t, err)
	authority, err := os.ReadFile(filepath.Join(dir, authorityFile))
	nodetest.Check(t, err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) || !made {
		t.Fatal("no authority")
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::1"} {
		if _, err := first.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: now}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := first.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "example.org", CurrentTime: now}); err == nil {
		t.Error("it is for any host")
	}
	again, made, err := material(dir, []string{"127.0.0.1"}, now.Add(serverLife-serverLeft-time.Hour))
	nodetest.Check(t, err)
	if made || !again.Leaf.Equal(first.Leaf) {
		t.Error("made anew without need")
	}
	later, made, err := material(dir, []string{"127.0.0.1"}, now.Add(serverLife-serverLeft+time.Hour))
	nodetest.Check(t, err)
	if made || later.Leaf.Equal(first.Leaf) {
		t.Error("not renewed")
	}
	elsewhere, _, err := material(dir, []string{"192.0.2.7"}, now.Add(serverLife))
	nodetest.Check(t, err)
	if err := elsewhere.Leaf.VerifyHostname("192.0.2.7"); err != nil {
		t.Error(err)
	}
	modes(t, dir, map[string]fs.FileMode{authorityFile: 0o644, serverFile: 0o644})
	nodetest.Check(t, os.Chmod(filepath.Join(dir, serverKeyFile), 0o644))
	if _, _, err := material(dir, []string{"192.0.2.7"}, now); err == nil {
		t.Error("a key that all may read is used")
	}
}

// modes checks that files are their owner's alone but for those that are named.
func modes(t *testing.T, dir string, public map[string]fs.FileMode) {
	t.Helper()
	nodetest.Check(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := e.Info()
		nodetest.Check(t, err)
		want, ok := public[e.Name()]
		if !ok && !e.IsDir() {
			want = 0o600
		}
		if got := info.Mode().Perm(); e.IsDir() && got&0o077 != 0 || !e.IsDir() && got != want {
			t.Errorf("%s has mode %04o", path, got)
		}
		return nil
	}))
}

// TestPasswords: one is made up once, private; a person's own takes its place, and then no file has any.
func TestPasswords(t *testing.T) {
	dir, peer := t.TempDir(), nodetest.Identity(t).Peer()
	nodetest.Check(t, ensurePassword(dir, peer))
	first, err := madePassword(dir, peer)
	nodetest.Check(t, err)
	nodetest.Check(t, ensurePassword(dir, peer))
	if again, _ := madePassword(dir, peer); first == "" || again != first {
		t.Errorf("%q, then %q", first, again)
	}
	users := []user{{Name: `Li: Mei\`, Peer: peer}}
	nodetest.Check(t, writePgpass(dir, users))
	text, err := os.ReadFile(filepath.Join(dir, pgpassFile))
	nodetest.Check(t, err)
	if want := `*:*:*:Li\: Mei\\:` + first + "\n*:*:*:" + peer + ":" + first + "\n"; string(text) != want {
		t.Errorf("%q, want %q", text, want)
	}
	modes(t, dir, nil)
	nodetest.Check(t, changePassword(dir, peer, "a password of my own"))
	nodetest.Check(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if text, _ := os.ReadFile(path); strings.Contains(string(text), first) || strings.Contains(string(text), "of my own") {
				t.Errorf("%s has a password", path)
			}
		}
		return err
	}))
	if _, err := readVerifier(dir, peer); err != nil {
		t.Error(err)
	}
	nodetest.Check(t, os.Chmod(filepath.Join(ofPerson(dir, peer), verifierFile), 0o644))
	if _, err := readVerifier(dir, peer); err == nil {
		t.Error("a verifier that all may read is used")
	}
}

// TestURLs: what is printed is read by a client as it was meant, whatever stands in it.
func TestURLs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	nodetest.Check(t, err)
	defer l.Close()
	dir := filepath.Join(t.TempDir(), "a folder & more")
	nodetest.Check(t, os.Mkdir(dir, 0o700))
	_, _, err = material(dir, []string{"127.0.0.1"}, time.Now())
	nodetest.Check(t, err)
	postgres := "postgresql://" + escape("Li Mei/1+") + ":" + escape("p@ss:w/rd%") + "@" + l.Addr().String() + "/parley?" +
		query("sslmode", "verify-full", "sslrootcert", filepath.Join(dir, authorityFile), "options", `-c parley.purpose=a\ test`)
	c, err := pgx.ParseConfig(postgres)
	nodetest.Check(t, err)
	if c.User != "Li Mei/1+" || c.Password != "p@ss:w/rd%" || c.RuntimeParams["options"] != `-c parley.purpose=a\ test` || c.TLSConfig == nil || c.TLSConfig.ServerName != "127.0.0.1" {
		t.Errorf("%q %q %q", c.User, c.Password, c.RuntimeParams)
	}
	u, err := url.Parse(postgres)
	nodetest.Check(t, err)
	if strings.Contains(u.RawQuery, "+") || u.Query().Get("sslrootcert") != filepath.Join(dir, authorityFile) {
		t.Errorf("%s", u.RawQuery)
	}
	if got := quoted(`it's a \ path`); got != `'it\'s a \\ path'` {
		t.Errorf("%s", got)
	}
}
