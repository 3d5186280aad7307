package scram

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// The mechanisms of SASL that a server offers.
const (
	Plain = "SCRAM-SHA-256"
	Plus  = "SCRAM-SHA-256-PLUS" // bound to the TLS channel (RFC 5929, tls-server-end-point)
)

const (
	// maxNonce bounds the client's nonce, in characters.
	maxNonce = 256
	// serverNonce is how many random bytes the server adds.
	serverNonce = 18

	endPoint = "p=tls-server-end-point"
)

var (
	// ErrRefused is that the proof is wrong: another password, an unknown user, an altered exchange.
	ErrRefused = errors.New("the password is wrong")
	// ErrChannel is that what the client says of the channel is not so: somebody may sit in between.
	ErrChannel = errors.New("the client's channel binding is not that of this connection")
	// ErrMalformed is a message that is none of the exchange.
	ErrMalformed = errors.New("malformed SCRAM message")
)

// Fake is a verifier for a user of whom there is none: always the same for a secret and a user, so that
// nobody tells it from one that is kept. By it nobody logs in, whatever the proof.
func Fake(secret []byte, user string) Verifier {
	draw := func(what string) [sha256.Size]byte {
		return [sha256.Size]byte(mac(secret, "parley scram "+what+"\x00"+user))
	}
	salt := draw("salt")
	return Verifier{Iterations: Iterations, Salt: salt[:saltBytes], StoredKey: draw("stored"), ServerKey: draw("server"), fake: true}
}

// EndPoint is what a client binds its proof to on a channel where the server shows this certificate (RFC 5929, section
// 4.1). Nil where that is not defined, for Ed25519: Plus is not offered then.
func EndPoint(certificate *x509.Certificate) []byte {
	switch certificate.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1,
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256:
		sum := sha256.Sum256(certificate.Raw)
		return sum[:]
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		sum := sha512.Sum384(certificate.Raw)
		return sum[:]
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		sum := sha512.Sum512(certificate.Raw)
		return sum[:]
	}
	return nil
}

// Mechanisms are those that a server offers on a channel, the stronger first. channel is EndPoint of its certificate.
func Mechanisms(channel []byte) []string {
	if channel == nil {
		return []string{Plain}
	}
	return []string{Plus, Plain}
}

// Server is the server's side of one exchange: First, then Final, each once. It reads no clock and no socket.
type Server struct {
	verifier Verifier
	channel  []byte
	nonce    string // the server's part
	step     int

	binding string // c= of the client's last message, in base64
	whole   string // both nonces
	said    string // client-first-message-bare "," server-first-message
}

// NewServer begins an exchange. channel is EndPoint of the certificate that the client was shown.
func NewServer(v Verifier, channel []byte) *Server {
	raw := make([]byte, serverNonce)
	rand.Read(raw) // never fails (crypto/rand)
	return &Server{verifier: v, channel: channel, nonce: base64.StdEncoding.EncodeToString(raw)}
}

// First takes the mechanism that the client chose and its first message, and gives the challenge. The user
// whom the message names is ignored, as clients put what they like there.
func (s *Server) First(mechanism string, message []byte) ([]byte, error) {
	if s.step != 0 {
		return nil, fmt.Errorf("%w: out of turn", ErrMalformed)
	}
	s.step = 1
	if !clean(message) {
		return nil, fmt.Errorf("%w: not printable", ErrMalformed)
	}
	flag, rest, _ := strings.Cut(string(message), ",")
	authorized, bare, ok := strings.Cut(rest, ",")
	if !ok {
		return nil, fmt.Errorf("%w: no header", ErrMalformed)
	}
	if authorized != "" {
		return nil, fmt.Errorf("%w: an identity to act for is not supported", ErrMalformed)
	}
	if err := s.bind(mechanism, flag); err != nil {
		return nil, err
	}
	fields := strings.Split(bare, ",")
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "n=") || !strings.HasPrefix(fields[1], "r=") || !extensions(fields[2:]) {
		return nil, fmt.Errorf("%w: no user and nonce", ErrMalformed)
	}
	nonce := fields[1][2:]
	if nonce == "" || len(nonce) > maxNonce || strings.Contains(nonce, " ") {
		return nil, fmt.Errorf("%w: a nonce of %d characters", ErrMalformed, len(nonce))
	}
	s.whole = nonce + s.nonce
	challenge := fmt.Sprintf("r=%s,s=%s,i=%d", s.whole, base64.StdEncoding.EncodeToString(s.verifier.Salt), s.verifier.Iterations)
	s.said = bare + "," + challenge
	return []byte(challenge), nil
}

// bind checks what the client says of the channel before its proof covers it.
func (s *Server) bind(mechanism, flag string) error {
	header, data := flag+",,", []byte(nil)
	switch {
	case mechanism != Plain && mechanism != Plus, mechanism == Plus && s.channel == nil:
		return fmt.Errorf("%w: the mechanism was not offered", ErrMalformed)
	case mechanism == Plus && flag == endPoint:
		data = s.channel
	case mechanism == Plus:
		return fmt.Errorf("%w: the mechanism asks for tls-server-end-point", ErrMalformed)
	case flag == "n":
	case flag == "y" && s.channel == nil:
	case flag == "y": // somebody took the offer out of the list that the client saw
		return fmt.Errorf("%w: the client was not offered it, says the client", ErrChannel)
	default:
		return fmt.Errorf("%w: the mechanism has no channel binding", ErrMalformed)
	}
	s.binding = base64.StdEncoding.EncodeToString(append([]byte(header), data...))
	return nil
}

// Final takes the client's proof, and gives the server's.
func (s *Server) Final(message []byte) ([]byte, error) {
	if s.step != 1 || s.said == "" {
		return nil, fmt.Errorf("%w: out of turn", ErrMalformed)
	}
	s.step = 2
	if !clean(message) {
		return nil, fmt.Errorf("%w: not printable", ErrMalformed)
	}
	fields := strings.Split(string(message), ",")
	last := len(fields) - 1
	if last < 2 || !strings.HasPrefix(fields[0], "c=") || !strings.HasPrefix(fields[1], "r=") ||
		!strings.HasPrefix(fields[last], "p=") || !extensions(fields[2:last]) {
		return nil, fmt.Errorf("%w: no channel, nonce and proof", ErrMalformed)
	}
	proof, err := base64.StdEncoding.Strict().DecodeString(fields[last][2:])
	if err != nil || len(proof) != sha256.Size {
		return nil, fmt.Errorf("%w: no proof", ErrMalformed)
	}
	if !same(fields[0][2:], s.binding) {
		return nil, ErrChannel
	}
	if !same(fields[1][2:], s.whole) {
		return nil, fmt.Errorf("%w: another nonce", ErrMalformed)
	}
	said := s.said + "," + strings.Join(fields[:last], ",")
	key := mac(s.verifier.StoredKey[:], said)
	subtle.XORBytes(key, key, proof)
	stored := sha256.Sum256(key)
	if right := hmac.Equal(stored[:], s.verifier.StoredKey[:]); !right || s.verifier.fake {
		return nil, ErrRefused
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(mac(s.verifier.ServerKey[:], said))), nil
}

// same compares without telling by its time where two texts differ.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// clean reports whether a message has no control characters: what is sent back, logged or proven holds none.
func clean(message []byte) bool {
	return !bytes.ContainsFunc(message, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' })
}

// extensions reports whether all of these are attributes that may be ignored: m= may not.
func extensions(fields []string) bool {
	for _, f := range fields {
		if len(f) < 2 || f[1] != '=' || f[0] == 'm' || !('a' <= f[0]|0x20 && f[0]|0x20 <= 'z') {
			return false
		}
	}
	return true
}
