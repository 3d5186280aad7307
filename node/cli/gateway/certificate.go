package gateway

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"parley/node/disk"
	"parley/node/failure"
	"parley/node/peers"
)

const (
	// certificateDays and maxCertificateDays are how long a person's certificate lasts, by default and at most.
	certificateDays    = 90
	maxCertificateDays = 366
	maxCertificateLife = maxCertificateDays*24*time.Hour + 2*backdate
)

// The files of a person's certificate: what psql takes, and what JDBC takes.
const (
	personFile    = "client.crt"
	personKeyFile = "client.key" // PKCS #8 in PEM
	personDERFile = "client.pk8" // the same in DER
)

// issue makes a key and a certificate that a person's identity has signed: who holds them logs in as that person.
func issue(id peers.Identity, key *ecdsa.PublicKey, days int, now time.Time) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: id.Peer()}, NotBefore: now.Add(-backdate), NotAfter: now.Add(time.Duration(days) * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	signer := &x509.Certificate{Subject: pkix.Name{CommonName: id.Peer(), OrganizationalUnit: []string{"Parley identity"}}, PublicKey: id.Private().Public()}
	return x509.CreateCertificate(rand.Reader, template, signer, key, id.Private())
}

// certified reports whether a certificate is one that the key of a person has signed for logins, and is in force. Only what issue
// makes will do.
func certified(c *x509.Certificate, key [32]byte, now time.Time) bool {
	public, ok := c.PublicKey.(*ecdsa.PublicKey)
	switch {
	case !ok || public.Curve != elliptic.P256():
	case c.SignatureAlgorithm != x509.PureEd25519 || !ed25519.Verify(key[:], c.RawTBSCertificate, c.Signature):
	case c.Version != 3 || !c.BasicConstraintsValid || c.IsCA:
	case c.KeyUsage != x509.KeyUsageDigitalSignature || !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) || len(c.UnknownExtKeyUsage) > 0:
	case len(c.UnhandledCriticalExtensions) > 0:
	case c.Subject.CommonName != peers.PeerOf(key) || len(c.DNSNames)+len(c.IPAddresses)+len(c.URIs)+len(c.EmailAddresses) > 0:
	case now.Before(c.NotBefore) || !now.Before(c.NotAfter) || c.NotAfter.Sub(c.NotBefore) > maxCertificateLife:
	default:
		return true
	}
	return false
}

func (s Shell) certificate() *cobra.Command {
	var identity, out string
	var days int
	cmd := &cobra.Command{
		Use:   "certificate --identity FILE --out DIR",
		Short: "make a key and a certificate by which a person logs in to a gateway without a password",
		Long: `Makes a key and has the identity sign a certificate for it, which gateways that serve this person take in place of a password:
client.crt and client.key for psql's sslcert and sslkey, client.pk8 for JDBC. The identity itself stays where it is. Who has
the key logs in as the person until the certificate ends, or until the person's key is revoked or replaced.`,
		Args: s.Arguments(0, ""),
		RunE: func(*cobra.Command, []string) error { return s.makeCertificate(identity, out, days) },
	}
	cmd.Flags().StringVar(&identity, "identity", "", "the person's identity, made by parley init")
	cmd.Flags().StringVar(&out, "out", "", "the folder for the three files")
	cmd.Flags().IntVar(&days, "days", certificateDays, "how many days it lasts")
	s.JSONFlag(cmd)
	return cmd
}

func (s Shell) makeCertificate(identity, out string, days int) error {
	switch {
	case identity == "":
		return failure.Usage("flag", "parley init DIR makes one", "parley gateway certificate needs --identity")
	case out == "":
		return failure.Usage("flag", "", "parley gateway certificate needs --out")
	case days < 1 || days > maxCertificateDays:
		return failure.Usage("flag", "", "--days %d: it is 1 to %d", days, maxCertificateDays)
	}
	id, err := peers.LoadIdentity(identity)
	if err != nil {
		return failure.Usage("identity", "", "%s", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	der, err := issue(id, &key.PublicKey, days, now)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := disk.MakePrivate(out); err != nil {
		return failure.Refused("dir", "", "%s", err)
	}
	in := func(name string) string { return filepath.Join(out, name) }
	for _, f := range []struct {
		name string
		b    []byte
	}{{personKeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})}, {personDERFile, pkcs8},
		{personFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}} {
		if err := disk.WriteFile(in(f.name), f.b); err != nil {
			return failure.Refused("write", "", "%s", err)
		}
	}
	until := now.Add(time.Duration(days) * 24 * time.Hour).UTC()
	if *s.JSON {
		return s.PrintJSON(map[string]any{"user": id.Peer(), "certificate": in(personFile), "key": in(personKeyFile), "key_der": in(personDERFile), "until": until})
	}
	return s.Print(fmt.Sprintf(`A certificate of %s, until %s. Add to a connection:

  psql   sslcert=%s sslkey=%s
  JDBC   sslcert=%s&sslkey=%s

The user is the person's name, or %s.
`, id.Peer(), until.Format(time.DateOnly), in(personFile), in(personKeyFile), in(personFile), in(personDERFile), id.Peer()))
}
