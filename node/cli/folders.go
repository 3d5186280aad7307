package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"

	"parley/node/config"
	"parley/node/failure"
	"parley/node/peers"
	"parley/protocols"
)

// nodeFolder is where one node keeps its things.
type nodeFolder struct {
	config config.File // zero: only the data folder is known
	base   string      // what its relative paths are from
	data   string
}

// nodeFolders finds the nodes of a folder: a node's own, with node.toml or with
// what it stores; or one with such folders in it, as demo makes, and its
// analyst's key.
func nodeFolders(dir string) (nodes []nodeFolder, analyst string, err error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, "", failure.Unreadable("dir", dir, err)
	} else if !info.IsDir() {
		return nil, "", failure.Usage("dir", "", "%s is not a folder", dir)
	}
	if n, ok, err := oneNodeFolder(dir); ok || err != nil {
		return []nodeFolder{n}, "", err
	}
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, "", failure.Unreadable("dir", dir, err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if _, err := os.Stat(filepath.Join(path, config.NodeFile)); err != nil {
			continue
		}
		n, _, err := oneNodeFolder(path)
		if err != nil {
			return nil, "", err
		}
		nodes = append(nodes, n)
	}
	if len(nodes) == 0 {
		return nil, "", failure.Usage("dir", "it is the folder of a demo, or the one that holds a node.toml", "%s is no node's folder", dir)
	}
	analyst = filepath.Join(dir, config.AnalystFile)
	if _, err := os.Stat(analyst); err != nil {
		analyst = ""
	}
	return nodes, analyst, nil
}

// oneNodeFolder reads a node.toml for what concerns its folders only: its
// tables may be elsewhere by now.
func oneNodeFolder(dir string) (n nodeFolder, ok bool, err error) {
	base, err := filepath.Abs(dir)
	if err != nil {
		return n, false, err
	}
	path := filepath.Join(dir, config.NodeFile)
	text, err := readLimited(path, config.MaxBytes)
	var missing *failure.Failure
	switch {
	case errors.As(err, &missing) && errors.Is(missing.Cause, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Join(dir, config.GenesisFile)); err != nil {
			return n, false, nil
		}
		return nodeFolder{base: base, data: base}, true, nil
	case err != nil:
		return n, false, err
	}
	if err := toml.Unmarshal(text, &n.config); err != nil {
		return n, false, config.Failure(path, text, err)
	}
	n.base, n.data = base, config.Resolve(base, n.config.Dir)
	return n, true, nil
}

// network is the description that the node was started with.
func (n nodeFolder) network() (*protocols.Network, error) {
	paths := []string{filepath.Join(n.data, config.GenesisFile)}
	if n.config.Genesis != "" {
		paths = append(paths, config.Resolve(n.base, n.config.Genesis))
	}
	var failed error
	for _, path := range paths {
		text, err := readLimited(path, maxNetworkBytes)
		if err != nil {
			failed = err
			continue
		}
		network, err := protocols.ParseGenesis(text)
		if err != nil {
			return nil, failure.Usage("network", "", "%s is no network's description: %s", path, err)
		}
		return network, nil
	}
	return nil, failed
}

// address is where the node listens when it runs, if that can be told.
func (n nodeFolder) address() (string, error) {
	identity := filepath.Join(n.data, config.IdentityFile)
	if n.config.Identity != "" {
		identity = config.Resolve(n.base, n.config.Identity)
	}
	id, err := peers.LoadIdentity(identity)
	if err != nil {
		return "", err
	}
	return n.config.Listen + "/p2p/" + id.Peer(), nil
}
