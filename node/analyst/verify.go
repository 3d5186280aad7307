package analyst

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"parley/circuits"
	"parley/engine"
	"parley/node/columnar"
	"parley/node/disk"
	"parley/node/exchange"
	"parley/protocols"
)

// Bounds on files.
const (
	maxNetworkBytes     = 16 << 20 // verifying keys and 64 members are far below it
	maxCertificateBytes = protocols.MaxCertificateBytes
	maxAttachedBytes    = 1 << 20 // one ciphertext with its proof, at any parameter set
)

// Verdict is what a certificate shows.
type Verdict struct {
	Verified        bool   // all checks passed, and network and signers are the pinned ones
	SelfConsistent  bool   // all checks passed, whoever the signers are
	DevelopmentKeys bool   // the proofs' keys were made on one machine: whoever made them can forge
	Reason          string // why it is not verified, or what the verdict leaves open
	Department      string // who is at fault, where that can be told
	Query           string // id on the ledger
	Digest          string // of the certificate, the same with and without the opening
	Departments     []string
	Time            time.Time    // of the ledger's block that the outcome stands in
	Record          arrow.Record // the figures, recomputed; nil where the certificate does not show them
}

func (v *Verdict) release() {
	if v.Record != nil {
		v.Record.Release()
	}
}

func verdictOf(v protocols.Verdict) (Verdict, error) {
	out := Verdict{Verified: v.Verified, SelfConsistent: v.SelfConsistent, DevelopmentKeys: v.DevelopmentKeys, Reason: v.Reason, Department: v.Department,
		Query: v.Query.String(), Digest: v.Certificate.String(), Departments: v.Departments, Time: v.Time}
	if v.SelfConsistent && v.ValueShown && v.Result != nil {
		var err error
		if out.Record, err = columnar.Record(v.Result); err != nil {
			return Verdict{}, err
		}
	}
	return out, nil
}

// Verify checks a certificate's file offline, as `parley verify` does, against the file of a pinned network description; "" pins nothing,
// and the verdict is then never Verified. A certificate that fails a check has a verdict with the reason; an error tells of files that are
// none. Costs about 10 ms a proof.
func Verify(certificate, network string) (*Verdict, error) { return verify(certificate, network, nil) }

func verify(certificate, network string, parameters func(string) (circuits.Params, error)) (*Verdict, error) {
	pinned, err := readNetwork(network)
	if err != nil {
		return nil, err
	}
	b, err := readLimited(certificate, maxCertificateBytes)
	if err != nil {
		return nil, err
	}
	v := protocols.Verifier{Pinned: pinned, Receipts: exchange.CheckReceipt, Attached: AttachedTo(certificate), Parameters: parameters}
	verdict, err := v.Verify(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certificate, err)
	}
	out, err := verdictOf(verdict)
	return &out, err
}

// Save writes the certificate to a file, and what is too long for it to a folder beside it, for their owner alone: with its opening it
// shows the answer. Verify and `parley verify` read both.
func (a *Answer) Save(path string) error {
	if err := SaveAttached(path, a.whole.Attached); err != nil {
		return err
	}
	return disk.WriteFile(path, a.Certificate)
}

// AttachedFolder is where what stands beside a certificate is, each blob in a file that has its digest's name.
func AttachedFolder(certificate string) string { return certificate + ".attached" }

// SaveAttached writes what stands beside a certificate.
func SaveAttached(certificate string, blobs map[engine.Digest][]byte) error {
	if len(blobs) == 0 {
		return nil
	}
	folder := AttachedFolder(certificate)
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for digest, blob := range blobs {
		if err := disk.WriteFile(filepath.Join(folder, digest.String()), blob); err != nil {
			return err
		}
	}
	return nil
}

// AttachedTo reads what stands beside a certificate. Whether a file is what its name says, the verifier finds out.
func AttachedTo(certificate string) func(engine.Digest) []byte {
	return func(d engine.Digest) []byte {
		blob, err := readLimited(filepath.Join(AttachedFolder(certificate), d.String()), maxAttachedBytes)
		if err != nil {
			return nil
		}
		return blob
	}
}

// readNetwork reads a pinned network description; no path gives nil.
func readNetwork(path string) (*protocols.Network, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readLimited(path, maxNetworkBytes)
	if err != nil {
		return nil, err
	}
	network, err := protocols.ParseNetwork(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not a network description: %w", path, err)
	}
	return network, nil
}

func readLimited(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return b, err
}
