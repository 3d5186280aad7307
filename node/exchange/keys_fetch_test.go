package exchange

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"parley/circuits"
	"parley/node/nodetest"
	"parley/node/peers"
)

// TestKeysOfALyingPeer: what a peer serves is taken only if it is the file asked
// for, and nothing else of it stays in the folder.
func TestKeysOfALyingPeer(t *testing.T) {
	t.Parallel()
	good := make([]byte, blobChunk+1000)
	rand.Read(good)
	other := bytes.Clone(good)
	other[len(other)-1] ^= 1
	server, client := nodetest.Identity(t), nodetest.Identity(t)
	s := nodetest.Host(t, server, peers.NewRoles(map[peer.ID]peers.Role{client.ID(): peers.Member}), nil)
	c := nodetest.Host(t, client, peers.NewRoles(map[peer.ID]peers.Role{server.ID(): peers.Member}), nil)
	nodetest.Knows(c, s)
	var served func(s *peers.Stream, name string) error
	asked := ""
	s.Handle(keysProtocol, peers.Person, func(_ context.Context, s *peers.Stream) error {
		var q keysRequest
		if err := s.ReceiveValue(&q, peers.AnswerTimeout); err != nil {
			return err
		}
		asked = q.Name
		return served(s, q.Name)
	})
	pieces := func(all ...[]byte) func(*peers.Stream, string) error {
		return func(s *peers.Stream, _ string) error {
			for _, b := range all {
				if err := s.Send(b); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for _, tc := range []struct {
		name  string
		serve func(*peers.Stream, string) error
		taken bool
	}{
		{"the file", pieces(good[:blobChunk], good[blobChunk:]), true},
		{"the file in small pieces", pieces(good[:1], good[1:7], good[7:500], good[500:blobChunk], good[blobChunk:]), true},
		{"and more pieces after it", pieces(good[:blobChunk], good[blobChunk:], other[:1000]), true}, // they are not read
		{"one bit changed", pieces(other[:blobChunk], other[blobChunk:]), false},
		{"longer in its last piece", pieces(good[:blobChunk], append(bytes.Clone(good[blobChunk:]), 0)), false},
		{"a first piece that is too long", pieces(good), false},
		{"shorter by a byte", pieces(good[:blobChunk], good[blobChunk:len(good)-1]), false},
		{"nothing", pieces(), false},
		{"an empty piece", pieces(good[:blobChunk], nil), false},
		{"the pieces in another order", pieces(good[blobChunk:], good[:blobChunk]), false},
		{"another file of its length", pieces(make([]byte, blobChunk), make([]byte, 1000)), false},
		{"what the network was founded with", func(s *peers.Stream, _ string) error { return s.SendValue(Founding{Nonce: [32]byte{1}}) }, false},
	} {
		into := t.TempDir()
		served = tc.serve
		wanted := KeyFile{circuits.KeyFile{Name: "wanted.proving", Size: int64(len(good))}, sha256.Sum256(good)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := KeysFrom(c, server.ID()).Fetch(ctx, []KeyFile{wanted}, into)
		cancel()
		if (err == nil) != tc.taken || asked != wanted.Name {
			t.Errorf("%s: %v, asked for %q", tc.name, err, asked)
		}
		files, readErr := os.ReadDir(into)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if !tc.taken && len(files) != 0 || tc.taken && (len(files) != 1 || files[0].Name() != wanted.Name) {
			t.Errorf("%s: the folder holds %v", tc.name, files)
		}
		if got, _ := os.ReadFile(filepath.Join(into, wanted.Name)); tc.taken && !bytes.Equal(got, good) {
			t.Errorf("%s: other bytes were kept", tc.name)
		}
	}
}
