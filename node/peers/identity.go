package peers

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"parley/node/disk"
)

// identityLimit bounds the identity file: PKCS #8 of an ed25519 key in PEM
// takes 119 bytes.
const identityLimit = 4096

// identityBlock is the PEM type of PKCS #8 (RFC 7468 section 10).
const identityBlock = "PRIVATE KEY"

// Identity is an ed25519 key pair: who a department or an analyst is, on the
// wire (its libp2p peer id) and in every signed entry (its member key). The
// zero value is no identity.
type Identity struct {
	private ed25519.PrivateKey
}

// CreateIdentity draws a key and writes it to path, mode 0600. It refuses to
// overwrite: an identity that is lost cannot be made again.
func CreateIdentity(path string) (Identity, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Identity{}, fmt.Errorf("drawing an identity: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Identity{}, fmt.Errorf("encoding an identity: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, disk.FileMode)
	if errors.Is(err, fs.ErrExist) {
		return Identity{}, fmt.Errorf("%s exists: an identity is never overwritten", path)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("creating the identity: %w", disk.Explain(err))
	}
	err = pem.Encode(f, &pem.Block{Type: identityBlock, Bytes: der})
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = disk.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		os.Remove(path)
		return Identity{}, fmt.Errorf("writing the identity %s: %w", path, disk.Explain(err))
	}
	return Identity{private}, nil
}

// IdentityOf is the identity of a key that is in no file.
func IdentityOf(private ed25519.PrivateKey) Identity { return Identity{private} }

// LoadIdentity reads a key that CreateIdentity wrote. A file that any other
// user of the machine may read or write is refused.
func LoadIdentity(path string) (Identity, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Identity{}, fmt.Errorf("no identity at %s: `parley init` makes one", path)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("opening the identity: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Identity{}, fmt.Errorf("reading the identity: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Identity{}, fmt.Errorf("identity %s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return Identity{}, fmt.Errorf("identity %s has mode %04o, so that other users can reach it: run chmod 600 %s", path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, identityLimit))
	if err != nil {
		return Identity{}, fmt.Errorf("reading the identity %s: %w", path, err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != identityBlock {
		return Identity{}, fmt.Errorf("identity %s is not a PEM file with one private key", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Identity{}, fmt.Errorf("identity %s is damaged: not a PKCS #8 key", path)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return Identity{}, fmt.Errorf("identity %s is not an ed25519 key", path)
	}
	return Identity{private}, nil
}

// Key is the public key: the member key of the network's description and the
// author of entries.
func (id Identity) Key() [32]byte {
	return [32]byte(id.private.Public().(ed25519.PublicKey))
}

// Peer is the libp2p peer id, in base58. It embeds the public key.
func (id Identity) Peer() string { return PeerOf(id.Key()) }

// Private is the private key, for what signs: entries, headers of blobs, votes of the ledger.
func (id Identity) Private() ed25519.PrivateKey { return id.private }

// ID is the peer id as libp2p has it.
func (id Identity) ID() peer.ID { return IDOf(id.Key()) }

// String is redacted: it names the public part only.
func (id Identity) String() string {
	if id.private == nil {
		return "identity(none)"
	}
	return "identity(" + id.Peer() + ")"
}

// GoString is as String: %#v shows no secret either.
func (id Identity) GoString() string { return id.String() }

// libp2p is the key as the transport wants it.
func (id Identity) libp2p() (crypto.PrivKey, error) {
	if id.private == nil {
		return nil, errors.New("no identity")
	}
	return crypto.UnmarshalEd25519PrivateKey(id.private)
}

// PeerOf is the peer id of an ed25519 public key. Any 32 bytes have one; that
// somebody holds its private key is for the transport to show.
func PeerOf(key [32]byte) string { return IDOf(key).String() }

// KeyOf is the ed25519 key inside a peer id ("12D3Koo…"); other kinds of peer
// id, such as those of RSA keys, are refused.
func KeyOf(peerText string) ([32]byte, error) {
	id, err := peer.Decode(peerText)
	if err != nil {
		return [32]byte{}, fmt.Errorf("%q is not a peer id", peerText)
	}
	return KeyOfID(id)
}

// IDOf is PeerOf as libp2p has it.
func IDOf(key [32]byte) peer.ID {
	public, err := crypto.UnmarshalEd25519PublicKey(key[:])
	if err != nil {
		return "" // never: the length is right
	}
	id, err := peer.IDFromPublicKey(public)
	if err != nil {
		return ""
	}
	return id
}

// KeyOfID is KeyOf of an id as libp2p has it.
func KeyOfID(id peer.ID) ([32]byte, error) {
	public, err := id.ExtractPublicKey()
	if err != nil || public.Type() != crypto.Ed25519 {
		return [32]byte{}, fmt.Errorf("peer %s is not an ed25519 identity", id)
	}
	raw, err := public.Raw()
	if err != nil || len(raw) != 32 {
		return [32]byte{}, fmt.Errorf("peer %s is not an ed25519 identity", id)
	}
	return [32]byte(raw), nil
}
