package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"

	"parley/node/disk"
	"parley/protocols"
)

// A recordFile is an append-only file of records, each on the disk before
// Append returns: secrets and randomness that exist nowhere else.
//
// The file is recordMagic, then frames:
//
//	length u32 │ CRC-32C of length u32 │ CRC-32C of payload u32 │ payload │ recordEnd u8
//
// all big-endian. A crash in the middle of an append leaves a prefix of a
// frame, perhaps continued by zeros where the file grew before its content
// arrived. That is a torn tail: no caller was told that it is stored, and it
// is cut off. Anything else that does not check is corruption, and refused:
// to go on from a journal that lost a record would be to make a second share.
const (
	recordMagic  = "parley records 2\n"
	recordHeader = 12
	recordEnd    = 0xA5 // not zero, so that a frame without its end shows
	// recordLimit bounds one record.
	recordLimit = protocols.MaxJournalRecord
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrCorrupt is a record file whose middle does not check.
var ErrCorrupt = errors.New("corrupted")

type recordFile struct {
	path string
	mu   sync.Mutex
	f    *os.File
	size int64 // of all whole frames
	bad  error // a failed append that could not be undone
}

// openRecords opens or makes the file at path and calls replay for each
// record in order. The payload given to replay is the callee's to keep.
func openRecords(path string, replay func(payload []byte) error) (*recordFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, disk.FileMode)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, disk.Explain(err))
	}
	r := &recordFile{path: path, f: f}
	if err := r.load(replay); err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func (r *recordFile) load(replay func([]byte) error) error {
	info, err := r.f.Stat()
	if err != nil {
		return fmt.Errorf("reading %s: %w", r.path, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o, so that other users can reach it: it must be 0600", r.path, info.Mode().Perm())
	}
	total := info.Size()
	if fresh, err := r.checkMagic(total); err != nil || fresh {
		return err
	}
	start := int64(len(recordMagic))
	in := bufio.NewReaderSize(io.NewSectionReader(r.f, start, total-start), 1<<16)
	r.size = start
	for number := 0; ; number++ {
		payload, err := readRecord(in, total-r.size)
		if err == io.EOF {
			return nil
		}
		if err == errTorn {
			return r.cut()
		}
		if errors.Is(err, ErrCorrupt) {
			return fmt.Errorf("%s: record %d at byte %d is %w; the node does not go on from a damaged file", r.path, number, r.size, err)
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", r.path, err)
		}
		if err := replay(payload); err != nil {
			return fmt.Errorf("%s: record %d: %w", r.path, number, err)
		}
		r.size += int64(recordHeader + len(payload) + 1)
	}
}

// checkMagic writes the first line of a new file and checks an old one's. A
// file that holds only a part of the line was torn while it was made.
func (r *recordFile) checkMagic(total int64) (fresh bool, err error) {
	head := make([]byte, min(total, int64(len(recordMagic))))
	if _, err := r.f.ReadAt(head, 0); err != nil && err != io.EOF {
		return false, fmt.Errorf("reading %s: %w", r.path, err)
	}
	if string(head) == recordMagic {
		return false, nil
	}
	if int(total) > len(recordMagic) || string(head) != recordMagic[:len(head)] && !zeros(head) {
		return false, fmt.Errorf("%s is not a record file of this version", r.path)
	}
	if _, err = r.f.WriteAt([]byte(recordMagic), 0); err == nil {
		err = r.f.Sync()
	}
	if err == nil {
		err = disk.SyncDir(filepath.Dir(r.path))
	}
	if err != nil {
		return false, fmt.Errorf("writing %s: %w", r.path, disk.Explain(err))
	}
	r.size = int64(len(recordMagic))
	return true, nil
}

// errTorn is the end of a file in the middle of an append.
var errTorn = errors.New("torn")

// readRecord reads one frame from in, of which remaining bytes are left.
// io.EOF: none is left.
func readRecord(in io.Reader, remaining int64) ([]byte, error) {
	if remaining == 0 {
		return nil, io.EOF
	}
	if remaining < recordHeader {
		return nil, errTorn
	}
	var header [recordHeader]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return nil, err
	}
	length := int64(binary.BigEndian.Uint32(header[:]))
	if crc32.Checksum(header[:4], castagnoli) != binary.BigEndian.Uint32(header[4:]) {
		rest, err := io.ReadAll(in)
		if err == nil && zeros(header[:]) && zeros(rest) {
			return nil, errTorn // the file grew, its content never came
		}
		return nil, errors.Join(ErrCorrupt, err)
	}
	if length > recordLimit {
		return nil, ErrCorrupt
	}
	if remaining < recordHeader+length+1 {
		return nil, errTorn
	}
	payload := make([]byte, length+1)
	if _, err := io.ReadFull(in, payload); err != nil {
		return nil, err
	}
	last := remaining == recordHeader+length+1
	if payload[length] != recordEnd {
		if last && payload[length] == 0 {
			return nil, errTorn
		}
		return nil, ErrCorrupt
	}
	payload = payload[:length:length]
	if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(header[8:]) {
		return nil, ErrCorrupt
	}
	return payload, nil
}

// Append stores one record durably. An append that fails leaves the file as
// it was; if even that fails, every later append fails too.
func (r *recordFile) Append(payload []byte) error {
	if len(payload) > recordLimit {
		return fmt.Errorf("writing %s: a record of %d bytes is over the limit of %d", r.path, len(payload), recordLimit)
	}
	frame := appendFrame(nil, payload)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bad != nil {
		return r.bad
	}
	if r.f == nil {
		return fmt.Errorf("writing %s: %w", r.path, os.ErrClosed)
	}
	_, err := r.f.WriteAt(frame, r.size)
	if err == nil {
		err = r.f.Sync()
	}
	if err != nil {
		err = fmt.Errorf("writing %s: %w", r.path, disk.Explain(err))
		if e := r.cut(); e != nil {
			r.bad = err
		}
		return err
	}
	r.size += int64(len(frame))
	return nil
}

func appendFrame(b, payload []byte) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:start+4], castagnoli))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
	b = append(b, payload...)
	return append(b, recordEnd)
}

// cut drops everything after the last whole frame.
func (r *recordFile) cut() error {
	err := r.f.Truncate(r.size)
	if err == nil {
		err = r.f.Sync()
	}
	if err != nil {
		return fmt.Errorf("cutting %s: %w", r.path, disk.Explain(err))
	}
	return nil
}

// Close closes the file; later appends fail.
func (r *recordFile) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	r.f = nil
	return err
}

// Erase closes and removes the file: a query's randomness at the query's end,
// an epoch's secrets at the epoch's. The file is overwritten first, which
// helps where the file system writes in place, and no more than helps.
func (r *recordFile) Erase() error {
	if err := r.Close(); err != nil {
		return err
	}
	return eraseNamed(r.path)
}

// eraseNamed erases a file under another name, so that a crash in the middle
// leaves nothing that looks like a damaged one.
func eraseNamed(path string) error {
	err := os.Rename(path, path+oldSuffix)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = disk.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("erasing %s: %w", path, disk.Explain(err))
	}
	return eraseFile(path + oldSuffix)
}

// eraseFile overwrites and removes a file; one that is gone is no error.
func eraseFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("erasing %s: %w", path, err)
	}
	info, err := f.Stat()
	block := make([]byte, 1<<16)
	for at := int64(0); err == nil && at < info.Size(); at += int64(len(block)) {
		_, err = f.WriteAt(block[:min(int64(len(block)), info.Size()-at)], at)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if e := os.Remove(path); err == nil {
		err = e
	}
	if err == nil {
		err = disk.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("erasing %s: %w", path, disk.Explain(err))
	}
	return nil
}

func zeros(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
