package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"parley/node/disk"
)

// The files of a gateway's TLS, in its folder. Whoever has ca.key can pass for this gateway with those who trust ca.crt.
const (
	authorityFile    = "ca.crt"
	authorityKeyFile = "ca.key"
	serverFile       = "server.crt"
	serverKeyFile    = "server.key"
)

// How long the certificates last, and how much of that must be left at a start: otherwise they are made anew.
const (
	authorityLife = 10 * 365 * 24 * time.Hour
	authorityLeft = 2 * serverLife
	serverLife    = 397 * 24 * time.Hour
	serverLeft    = 60 * 24 * time.Hour
	// backdate forgives clocks that are slow.
	backdate = 10 * time.Minute
)

// maxFileBytes bounds what is read of a file of the folder.
const maxFileBytes = 64 << 10

// names are what clients may call the gateway: this machine, and the hosts that it listens on.
func names(hosts []string) (dns []string, ips []net.IP) {
	dns, ips = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback}
	named := func(name string) {
		if name != "" && !slices.Contains(dns, name) {
			dns = append(dns, name)
		}
	}
	for _, host := range hosts {
		switch ip := net.ParseIP(host); {
		case ip != nil && !ip.IsUnspecified():
			if !slices.ContainsFunc(ips, ip.Equal) {
				ips = append(ips, ip)
			}
		case ip == nil && host != "":
			named(host)
		default: // every address of the machine: by its name as well
			if name, err := os.Hostname(); err == nil {
				named(name)
			}
		}
	}
	return dns, ips
}

// material gives the server's certificate, made anew where there is none, it ends soon, or it is for other hosts. made says that
// clients need the new ca.crt.
func material(dir string, hosts []string, now time.Time) (certificate tls.Certificate, made bool, err error) {
	authority, err := readPair(dir, authorityFile, authorityKeyFile)
	if err != nil {
		return certificate, false, err
	}
	if authority == nil || authority.Leaf.NotAfter.Sub(now) < authorityLeft {
		if authority, err = makeAuthority(dir, now); err != nil {
			return certificate, false, err
		}
		made = true
	}
	server, err := readPair(dir, serverFile, serverKeyFile)
	if err != nil {
		return certificate, false, err
	}
	if server == nil || made || !serves(server.Leaf, authority.Leaf, hosts, now) {
		if server, err = makeServer(dir, hosts, authority, now); err != nil {
			return certificate, false, err
		}
	}
	server.Certificate = append(server.Certificate[:1], authority.Certificate[0])
	return *server, made, nil
}

// serves reports whether a certificate will do at a start.
func serves(leaf, authority *x509.Certificate, hosts []string, now time.Time) bool {
	dns, ips := names(hosts)
	for _, name := range dns {
		if !slices.Contains(leaf.DNSNames, name) {
			return false
		}
	}
	for _, ip := range ips {
		if !slices.ContainsFunc(leaf.IPAddresses, ip.Equal) {
			return false
		}
	}
	return leaf.NotAfter.Sub(now) >= serverLeft && leaf.CheckSignatureFrom(authority) == nil
}

// readPair reads a certificate with its key; nil where neither is there.
func readPair(dir, certificate, key string) (*tls.Certificate, error) {
	text, err := readFile(filepath.Join(dir, certificate), false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	secret, err := readFile(filepath.Join(dir, key), true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(text, secret)
	if err != nil {
		return nil, fmt.Errorf("%s and %s in %s do not belong together: %w; remove both, and they are made anew", certificate, key, dir, err)
	}
	return &pair, nil
}

// readFile reads a small file; a secret one must be its owner's alone.
func readFile(path string, secret bool) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if secret && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others can reach %s (mode %04o): it was a secret", path, info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(b) > maxFileBytes {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFileBytes)
	}
	return b, err
}

func makeAuthority(dir string, now time.Time) (*tls.Certificate, error) {
	host, _ := os.Hostname()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Parley gateway of " + host}, NotBefore: now.Add(-backdate), NotAfter: now.Add(authorityLife),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	return makePair(dir, authorityFile, authorityKeyFile, template, nil)
}

func makeServer(dir string, hosts []string, authority *tls.Certificate, now time.Time) (*tls.Certificate, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, NotBefore: now.Add(-backdate), NotAfter: now.Add(serverLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	template.DNSNames, template.IPAddresses = names(hosts)
	return makePair(dir, serverFile, serverKeyFile, template, authority)
}

// makePair makes a key and its certificate, signed by an authority or by itself, and writes both: the certificate for everybody.
func makePair(dir, certificate, key string, template *x509.Certificate, by *tls.Certificate) (*tls.Certificate, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial()
	parent, signer := template, any(private)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &private.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	if err := disk.WriteFile(filepath.Join(dir, key), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})); err != nil {
		return nil, err
	}
	if err := writePublic(filepath.Join(dir, certificate), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}, nil
}

// serial is a number that no other certificate has.
func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails (crypto/rand)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// writePublic writes a file that everybody may read.
func writePublic(path string, b []byte) error {
	if err := disk.WriteFile(path, b); err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}
