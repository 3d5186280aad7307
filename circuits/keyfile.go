package circuits

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	bn254 "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
)

// The file of a proving half (README section 7): the title, the circuit's digest, the points of
// layout.sides, [δ]₁, [τ]₂ and B in G2; every coordinate 32 bytes, most significant first. α and
// β in G1 are the first of their powers; β and δ in G2 are the verifying half's. Its length
// follows from the circuit alone.
const (
	provingTitle = "parley proving 2" // 16 bytes
	pointG1      = 2 * fp.Bytes
	pointG2      = 4 * fp.Bytes
	// pointsAtOnce bounds what the reader and the writer hold beside the key itself.
	pointsAtOnce = 1 << 12
)

// provingSize is the one length of the file.
func (l *layout) provingSize() int64 {
	points := 1 // δ
	for _, s := range l.sides(&provingHalf{}) {
		points += s.length
	}
	return int64(len(provingTitle)+len(l.circuit)) + int64(points)*pointG1 + int64(l.b+1)*pointG2
}

func (l *layout) writeProving(w io.Writer, h *provingHalf) error {
	if _, err := w.Write(append([]byte(provingTitle), l.circuit[:]...)); err != nil {
		return err
	}
	for _, s := range l.sides(h) {
		if err := writePoints(w, *s.points, coordinatesG1); err != nil {
			return err
		}
	}
	if err := writePoints(w, []bn254.G1Affine{h.key.G1.Delta}, coordinatesG1); err != nil {
		return err
	}
	return writePoints(w, append([]bn254.G2Affine{h.powers.tauG2}, h.key.G2.B...), coordinatesG2)
}

// readProving reads exactly one file. What it allocates follows from the circuit. It takes
// canonical coordinates only; check finds points that are not on their curve.
func (l *layout) readProving(r io.Reader, vk *groth16.VerifyingKey) (*provingHalf, error) {
	head := make([]byte, len(provingTitle)+len(l.circuit))
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, cut(err)
	}
	if string(head[:len(provingTitle)]) != provingTitle {
		return nil, errors.New("not a proving key of this version")
	}
	if !bytes.Equal(head[len(provingTitle):], l.circuit[:]) {
		return nil, errors.New("the key of another circuit")
	}
	h := &provingHalf{}
	for _, s := range l.sides(h) {
		points, err := readPoints(r, s.length, coordinatesG1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		*s.points = points
	}
	delta, err := readPoints(r, 1, coordinatesG1)
	if err != nil {
		return nil, fmt.Errorf("δ: %w", err)
	}
	second, err := readPoints(r, 1+l.b, coordinatesG2)
	if err != nil {
		return nil, fmt.Errorf("side B in G2: %w", err)
	}
	if n, _ := io.ReadFull(r, head[:1]); n != 0 {
		return nil, errors.New("too long")
	}
	h.key.G1.Delta, h.powers.tauG2, h.key.G2.B = delta[0], second[0], second[1:]
	l.complete(h, vk)
	return h, nil
}

// cut tells a file that ends too early from one that the disk does not give.
func cut(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("too short")
	}
	return err
}

func coordinatesG1(p *bn254.G1Affine) []*fp.Element { return []*fp.Element{&p.X, &p.Y} }

func coordinatesG2(p *bn254.G2Affine) []*fp.Element {
	return []*fp.Element{&p.X.A0, &p.X.A1, &p.Y.A0, &p.Y.A1}
}

func writePoints[A any](w io.Writer, points []A, coordinates func(*A) []*fp.Element) error {
	var buffer []byte
	for i := range points {
		for _, c := range coordinates(&points[i]) {
			b := c.Bytes()
			buffer = append(buffer, b[:]...)
		}
		if (i+1)%pointsAtOnce == 0 || i == len(points)-1 {
			if _, err := w.Write(buffer); err != nil {
				return err
			}
			buffer = buffer[:0]
		}
	}
	return nil
}

func readPoints[A any](r io.Reader, count int, coordinates func(*A) []*fp.Element) ([]A, error) {
	points := make([]A, count)
	width := fp.Bytes
	if count > 0 {
		width *= len(coordinates(&points[0]))
	}
	buffer := make([]byte, min(count, pointsAtOnce)*width)
	for first := 0; first < count; first += pointsAtOnce {
		part := points[first:min(first+pointsAtOnce, count)]
		b := buffer[:len(part)*width]
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, cut(err)
		}
		for i := range part {
			for _, c := range coordinates(&part[i]) {
				if err := c.SetBytesCanonical(b[:fp.Bytes]); err != nil {
					return nil, fmt.Errorf("point %d is not canonically encoded", first+i)
				}
				b = b[fp.Bytes:]
			}
		}
	}
	return points, nil
}
