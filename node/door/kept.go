package door

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/engine"
	"parley/node/client"
	"parley/node/disk"
	"parley/protocols"
)

// Limits of what is kept for one person.
const (
	MaxKept      = 500     // answers
	MaxKeptBytes = 1 << 30 // of certificates and what stands beside them
	// maxRecordBytes bounds what is read of the file that describes an answer.
	maxRecordBytes = 4*engine.MaxSQLBytes + 64<<10
	// maxAttachedBytes bounds what is read of a file beside a certificate: one ciphertext with its proof, at any parameter set.
	maxAttachedBytes = 1 << 20
)

// The names of an answer's files begin with its query's id.
const (
	recordSuffix      = ".json"
	certificateSuffix = ".certificate"
	attachedSuffix    = certificateSuffix + ".attached" // a folder: blobs by their digests
)

// record is what is kept of an answer beside its certificate.
type record struct {
	Query      string    `json:"query"`
	Asked      time.Time `json:"asked"`
	SQL        string    `json:"sql"`
	Purpose    string    `json:"purpose"`
	Basis      string    `json:"basis,omitempty"`
	Verdict    string    `json:"verdict"`
	Assurance  string    `json:"assurance"`
	Parameters string    `json:"parameters"`
	Seconds    float64   `json:"seconds"`

	bytes       int64  // of the certificate and what stands beside it
	certificate []byte // where it is in no file
}

// kept are a person's answers, the oldest first.
type kept struct {
	dir string // "": in memory alone
	log *slog.Logger

	mu      sync.Mutex
	records []*record
	bytes   int64
}

// openKept restores what a folder holds. What a crash left half-written is removed, and so is what is more than may be kept.
func openKept(dir string, log *slog.Logger) (*kept, error) {
	k := &kept{dir: dir, log: log}
	if dir == "" {
		return k, nil
	}
	if err := disk.MakePrivate(dir); err != nil {
		return nil, err
	}
	if err := disk.RemoveTemporary(dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	whole := map[string]bool{}
	for _, e := range entries {
		query, ok := strings.CutSuffix(e.Name(), recordSuffix)
		if !ok {
			continue
		}
		r, err := readRecord(dir, query)
		if err != nil {
			log.Error("a kept answer cannot be read, and is left where it is", "file", filepath.Join(dir, e.Name()), "error", err.Error())
			whole[query] = true
			continue
		}
		whole[query] = true
		k.records = append(k.records, r)
		k.bytes += r.bytes
	}
	for _, e := range entries { // the record is written last
		if query, _, _ := strings.Cut(e.Name(), "."); isQuery(query) && !whole[query] {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(k.records, func(a, b *record) int { return a.Asked.Compare(b.Asked) })
	k.shrink()
	return k, nil
}

// isQuery reports whether a name is a query's id.
func isQuery(name string) bool {
	b, err := hex.DecodeString(name)
	return err == nil && len(b) == len(engine.Digest{})
}

// readRecord reads what describes an answer, and measures the rest.
func readRecord(dir, query string) (*record, error) {
	file, err := os.Open(filepath.Join(dir, query+recordSuffix))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxRecordBytes+1))
	if err != nil {
		return nil, err
	}
	r, err := parseRecord(text, query)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(filepath.Join(dir, query+certificateSuffix))
	if err != nil {
		return nil, err
	}
	r.bytes = info.Size()
	blobs, err := os.ReadDir(filepath.Join(dir, query+attachedSuffix))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, b := range blobs {
		info, err := b.Info()
		if err != nil {
			return nil, err
		}
		r.bytes += info.Size()
	}
	return r, nil
}

// parseRecord reads a record of a query.
func parseRecord(text []byte, query string) (*record, error) {
	var r record
	if len(text) > maxRecordBytes {
		return nil, fmt.Errorf("it has more than %d bytes", maxRecordBytes)
	}
	from := json.NewDecoder(bytes.NewReader(text))
	from.DisallowUnknownFields()
	if err := from.Decode(&r); err != nil {
		return nil, err
	}
	if _, err := from.Token(); err != io.EOF {
		return nil, errors.New("something follows it")
	}
	if r.Query != query || !isQuery(query) {
		return nil, errors.New("it is of another query")
	}
	return &r, nil
}

// keep keeps an answer, and drops the oldest where there are too many.
func (k *kept) keep(r record, a *client.Answer) {
	r.bytes = int64(len(a.Certificate))
	for _, blob := range a.Attached {
		r.bytes += int64(len(blob))
	}
	if k.dir == "" {
		r.certificate = a.Certificate
	} else if err := k.write(&r, a); err != nil {
		k.log.Error("an answer could not be written, and is kept until this process ends", "query", r.Query, "error", err.Error())
		r.certificate = a.Certificate
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.records, k.bytes = append(k.records, &r), k.bytes+r.bytes
	k.shrink()
}

// write writes an answer's files, the record last: without it they are none.
func (k *kept) write(r *record, a *client.Answer) error {
	base := filepath.Join(k.dir, r.Query)
	if len(a.Attached) > 0 {
		if err := disk.MakeDir(base + attachedSuffix); err != nil {
			return err
		}
		for digest, blob := range a.Attached {
			if err := disk.WriteFile(filepath.Join(base+attachedSuffix, digest.String()), blob); err != nil {
				return err
			}
		}
	}
	if err := disk.WriteFile(base+certificateSuffix, a.Certificate); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return disk.WriteFile(base+recordSuffix, append(text, '\n'))
}

// shrink drops the oldest answers until the rest may be kept, but never the last one; k.mu is held, or nobody else knows of k.
func (k *kept) shrink() {
	for len(k.records) > 1 && (len(k.records) > MaxKept || k.bytes > MaxKeptBytes) {
		r := k.records[0]
		k.records, k.bytes = slices.Delete(k.records, 0, 1), k.bytes-r.bytes
		if k.dir == "" || r.certificate != nil {
			continue
		}
		for _, suffix := range []string{recordSuffix, certificateSuffix, attachedSuffix} { // the record first: without it the rest is none
			if err := os.RemoveAll(filepath.Join(k.dir, r.Query+suffix)); err != nil {
				k.log.Error("a kept answer could not be removed", "query", r.Query, "error", err.Error())
			}
		}
	}
}

// file is where an answer's certificate is; "" where it is in memory.
func (k *kept) file(r *record) string {
	if r.certificate != nil || k.dir == "" {
		return ""
	}
	return filepath.Join(k.dir, r.Query+certificateSuffix)
}

// read gives an answer's certificate, unless it has more bytes than most.
func (k *kept) read(r *record, most int64) ([]byte, error) {
	if r.certificate != nil {
		if int64(len(r.certificate)) > most {
			return nil, nil
		}
		return r.certificate, nil
	}
	file, err := os.Open(k.file(r))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	most = min(most, protocols.MaxCertificateBytes)
	b, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil || int64(len(b)) > most {
		return nil, err
	}
	return b, nil
}

// attached is a vector or product that a kept certificate names and is too short for; nil where none is kept. Whoever asks holds it
// against its digest.
func (k *kept) attached(d engine.Digest) []byte {
	if k.dir == "" {
		return nil
	}
	for _, r := range k.all() {
		file, err := os.Open(filepath.Join(k.dir, r.Query+attachedSuffix, d.String()))
		if err != nil {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(file, maxAttachedBytes))
		file.Close()
		if err == nil {
			return b
		}
	}
	return nil
}

// all are the answers, the oldest first.
func (k *kept) all() []*record {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.records)
}
