package pgwire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestChannel: clients bind their proofs to the door's certificate, whatever it is signed by, where that is defined at all.
func TestChannel(t *testing.T) {
	elliptic384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	psql, missing := exec.LookPath("psql")
	for _, c := range []struct {
		how   x509.SignatureAlgorithm
		key   crypto.Signer
		bound bool
	}{
		{x509.ECDSAWithSHA256, elliptic384, true}, {x509.ECDSAWithSHA384, elliptic384, true}, {x509.ECDSAWithSHA512, elliptic384, true},
		{x509.SHA256WithRSA, rsaKey, true}, {x509.SHA384WithRSA, rsaKey, true}, {x509.SHA512WithRSA, rsaKey, true},
		{x509.SHA256WithRSAPSS, rsaKey, true}, {x509.SHA384WithRSAPSS, rsaKey, true}, {x509.PureEd25519, edwards, false},
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, SignatureAlgorithm: c.how,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
		raw, err := x509.CreateCertificate(rand.Reader, template, template, c.key.Public(), c.key)
		if err != nil {
			t.Fatal(err)
		}
		d := openDoorWith(t, tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: c.key}, nil)
		conn, err := d.connect(t, "channel_binding=require")
		if c.bound != (err == nil) {
			t.Errorf("%v: %v", c.how, err)
		}
		if err == nil {
			conn.Close(t.Context())
		}
		if conn, err = d.connect(t, ""); err != nil {
			t.Errorf("%v, unbound: %v", c.how, err)
		} else {
			conn.Close(t.Context())
		}
		if missing == nil {
			cmd := exec.CommandContext(t.Context(), psql, "-X", "-w", "-Atc", "user", "host=127.0.0.1 user=ada dbname=parley sslmode=require port="+strconv.Itoa(int(d.port)))
			if c.bound {
				cmd.Args[len(cmd.Args)-1] += " channel_binding=require"
			}
			cmd.Env = append(os.Environ(), "PGPASSWORD="+rightPassword, "HOME="+t.TempDir(), "LC_ALL=C")
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != "ada\n" {
				t.Errorf("%v: %v: %s", c.how, err, out)
			}
		}
		d.end()
	}
}

// TestMiddle: somebody in between, with a certificate that the client takes, gains nothing by handing the exchange on: the proof is
// bound to the certificate that the client saw.
func TestMiddle(t *testing.T) {
	d := openDoor(t, nil)
	fake := selfSigned(t, "localhost", -time.Hour, time.Hour)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{fake}, NextProtos: []string{protocolName}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			up, err := tls.Dial("tcp", d.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocolName}})
			if err != nil {
				return
			}
			go func() { io.Copy(up, c); up.Close() }()
			go func() { io.Copy(c, up); c.Close() }()
		}
	}()
	for more, want := range map[string]string{"channel_binding=require": "28000", "channel_binding=prefer": "28000"} {
		config := d.config(t, "sslnegotiation=direct "+more)
		config.Port = uint16(l.Addr().(*net.TCPAddr).Port)
		config.TLSConfig.InsecureSkipVerify = true
		if _, err := pgconn.ConnectConfig(t.Context(), config); code(err) != want || !strings.Contains(err.Error(), "channel binding") {
			t.Errorf("%s: %v", more, err)
		}
	}
}
