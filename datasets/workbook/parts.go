// Package workbook reads one sheet of an Excel workbook (.xlsx) as rows of text: numbers by their
// shortest decimal, dates as ISO 8601 has them. A workbook is hostile until shown otherwise: it is
// read as a stream of XML within limits, and nothing of it is computed or followed.
//
// ../README.md is its specification (section 2.6).
package workbook

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strconv"
	"strings"
)

// Limits of a workbook.
const (
	// MaxBytes is the size of the file.
	MaxBytes = 1 << 30
	// MaxExpandedBytes is what one part of it may expand to, and MaxExpansion how many times the
	// part's own size, once that is above 32 MiB.
	MaxExpandedBytes = 8 << 30
	MaxExpansion     = 256
	freeExpansion    = 32 << 20
	// MaxStringsBytes is the size of all shared texts, which are held in memory.
	MaxStringsBytes = 512 << 20
	// MaxSheets is how many sheets there may be, maxStyles how many styles of cells.
	MaxSheets = 1024
	maxStyles = 65_536
	// maxDepth is how deep elements stand within each other, maxToken how long one is, or a row.
	maxDepth = 64
	maxToken = 16 << 20
	// maxDirectory is the size of the list of the archive's parts, which is held in memory, maxName that of a
	// name in it, or of a format of numbers.
	maxDirectory = 4 << 20
	maxName      = 4 << 10
)

// A Fault is what is wrong with a workbook: in a cell, where Row and Column are not 0.
type Fault struct {
	Row, Column   int // 1-based
	Message, Hint string
}

func (f *Fault) Error() string { return f.Message }

func faultf(hint, format string, args ...any) *Fault {
	return &Fault{Message: fmt.Sprintf(format, args...), Hint: hint}
}

const damagedHint = "is it truncated or damaged? Excel can open and save it"

// part is the XML of one file in the archive.
type part struct {
	name  string
	in    io.ReadCloser
	xml   *xml.Decoder
	depth int
	read  int64 // bytes so far, and those of the token that is being read
	token int64
	limit int64
}

// archived gives the parts of a workbook's archive, whose list has its limit.
func archived(in io.ReaderAt, size int64) (*zip.Reader, error) {
	list := &limited{ReaderAt: in, left: maxDirectory}
	z, err := zip.NewReader(list, size)
	switch {
	case list.left < 0:
		return nil, faultf("", "has a list of parts of more than %d bytes", maxDirectory)
	case err != nil:
		return nil, faultf(damagedHint, "is not an Excel workbook")
	}
	list.left = math.MaxInt64 // the parts have limits of their own
	return z, nil
}

// limited reads so many bytes.
type limited struct {
	io.ReaderAt
	left int64
}

func (l *limited) ReadAt(p []byte, at int64) (int, error) {
	if l.left != math.MaxInt64 {
		if l.left -= int64(len(p)); l.left < 0 {
			return 0, io.ErrUnexpectedEOF
		}
	}
	return l.ReaderAt.ReadAt(p, at)
}

// open gives a part of the archive; nil if it is not there.
func open(z *zip.Reader, name string) (*part, error) {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	var found *zip.File
	for _, f := range z.File {
		if !strings.EqualFold(strings.TrimPrefix(path.Clean("/"+f.Name), "/"), name) {
			continue
		}
		if found != nil { // who else reads it may take the other
			return nil, faultf(damagedHint, "has its part %q twice", name)
		}
		found = f
	}
	if found == nil {
		return nil, nil
	}
	in, err := found.Open()
	if err != nil {
		return nil, faultf(damagedHint, "its part %q cannot be expanded", name)
	}
	p := &part{name: name, in: in, limit: int64(min(MaxExpandedBytes, max(freeExpansion, min(found.CompressedSize64, MaxBytes)*MaxExpansion)))}
	p.xml = xml.NewDecoder(p)
	p.xml.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errors.New("an encoding") }
	return p, nil
}

// Read counts what the decoder reads.
func (p *part) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	p.read, p.token = p.read+int64(n), p.token+int64(n)
	switch {
	case p.read > p.limit:
		return 0, faultf("is it a bomb? Excel can save it as .csv", "its part %q expands to more than %d bytes, the limit for its size", p.name, p.limit)
	case p.token > maxToken:
		return 0, faultf("", "its part %q has something of more than %d bytes", p.name, maxToken)
	}
	return n, err
}

// next gives the next token; io.EOF at the end.
func (p *part) next() (xml.Token, error) {
	p.token = 0
	t, err := p.xml.Token()
	if f := new(Fault); errors.As(err, &f) {
		return nil, f
	}
	switch t.(type) {
	case xml.StartElement:
		p.depth++
	case xml.EndElement:
		p.depth--
	case xml.Directive:
		return nil, faultf("", "its part %q has a document type", p.name)
	}
	switch {
	case err == io.EOF:
		return nil, err
	case err != nil:
		return nil, faultf(damagedHint, "its part %q is not valid", p.name)
	case p.depth > maxDepth:
		return nil, faultf("", "its part %q has elements more than %d deep", p.name, maxDepth)
	}
	return t, nil
}

// each visits the elements with one of the names.
func each(z *zip.Reader, name string, visit func(p *part, e xml.StartElement) error) (there bool, err error) {
	p, err := open(z, name)
	if err != nil || p == nil {
		return false, err
	}
	defer p.in.Close()
	for {
		t, err := p.next()
		if err == io.EOF {
			return true, nil
		} else if err != nil {
			return true, err
		}
		if e, ok := t.(xml.StartElement); ok {
			if err := visit(p, e); err != nil {
				return true, err
			}
		}
	}
}

// attribute gives an attribute by its local name.
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// text gives the characters of the element that was just begun, those of elements of the name
// within it where there is one, and consumes it. Phonetic hints do not count.
func (p *part) text(within string) (string, error) {
	var b strings.Builder
	level, inside, hint := 1, 0, 0
	for level > 0 {
		t, err := p.next()
		if err != nil {
			if err == io.EOF {
				err = faultf(damagedHint, "its part %q is not valid", p.name)
			}
			return "", err
		}
		switch t := t.(type) {
		case xml.StartElement:
			level++
			if t.Name.Local == within {
				inside = level
			} else if t.Name.Local == "rPh" {
				hint = level
			}
		case xml.EndElement:
			if level == inside {
				inside = 0
			} else if level == hint {
				hint = 0
			}
			level--
		case xml.CharData:
			if (within == "" || inside > 0) && hint == 0 {
				b.Write(t)
			}
			if b.Len() > maxToken {
				return "", faultf("", "its part %q has a text of more than %d bytes", p.name, maxToken)
			}
		}
	}
	return unescape(b.String()), nil
}

// unescape reads the characters that XML cannot hold, _x000D_.
func unescape(text string) string {
	if !strings.Contains(text, "_x") {
		return text
	}
	var b strings.Builder
	for rest := text; rest != ""; {
		if len(rest) >= 7 && rest[0] == '_' && rest[1] == 'x' && rest[6] == '_' {
			if code, err := strconv.ParseUint(rest[2:6], 16, 32); err == nil && code > 0 && (code < 0xD800 || code > 0xDFFF) {
				b.WriteRune(rune(code))
				rest = rest[7:]
				continue
			}
		}
		b.WriteByte(rest[0])
		rest = rest[1:]
	}
	return b.String()
}
