package peers_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/node/peers"
)

func TestIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity.key")
	made, err := peers.CreateIdentity(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	read, err := peers.LoadIdentity(path)
	if err != nil || read.Key() != made.Key() || read.Peer() != made.Peer() {
		t.Fatalf("%v", err)
	}
	if key, err := peers.KeyOf(made.Peer()); err != nil || key != made.Key() {
		t.Errorf("the peer id %s does not give the key back: %v", made.Peer(), err)
	}
	before, _ := os.ReadFile(path)
	if _, err := peers.CreateIdentity(path); err == nil || !strings.Contains(err.Error(), "never overwritten") {
		t.Errorf("a second identity at the same path: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the identity was changed")
	}
	secret := fmt.Sprintf("%x", []byte(made.Private().Seed()))
	for _, shown := range []string{fmt.Sprint(made), fmt.Sprintf("%v %+v %#v %s", made, made, made, made)} {
		if strings.Contains(shown, secret[:16]) || !strings.Contains(shown, made.Peer()) {
			t.Errorf("an identity prints as %s", shown)
		}
	}
}

func TestIdentityRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "k")
	if _, err := peers.CreateIdentity(path); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o601} {
		os.Chmod(path, mode)
		if _, err := peers.LoadIdentity(path); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("mode %04o", mode)) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	os.Chmod(path, 0o600)
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "block": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"kind": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		bad := filepath.Join(dir, name)
		os.WriteFile(bad, []byte(text), 0o600)
		if _, err := peers.LoadIdentity(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := peers.LoadIdentity(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "parley init") {
		t.Errorf("%v", err)
	}
	for _, peer := range []string{"", "x", "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"} {
		if _, err := peers.KeyOf(peer); err == nil {
			t.Errorf("%q has a key", peer)
		}
	}
}

// TestFreePorts: ports are given once, and can be listened on.
func TestFreePorts(t *testing.T) {
	seen := map[int]bool{}
	for range 3 {
		ports, err := peers.FreePorts(20)
		if err != nil || len(ports) != 20 {
			t.Fatal(ports, err)
		}
		for _, port := range ports {
			if l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
				t.Error(err)
			} else {
				l.Close()
			}
			if seen[port] || port >= 32_768 {
				t.Errorf("port %d", port)
			}
			seen[port] = true
		}
	}
}
