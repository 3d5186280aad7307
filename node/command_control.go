package node

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"parley/node/config"
	"parley/node/failure"
)

// callControl asks a running node through its door.
func callControl(ctx context.Context, dir, method, path string, body io.Reader, into any) error {
	text, err := os.ReadFile(filepath.Join(dir, config.ControlFile))
	if errors.Is(err, fs.ErrNotExist) {
		return failure.Refused("control", "start it with parley node", "no node is running from %s", dir)
	}
	if err != nil {
		return failure.Unreadable("control", filepath.Join(dir, config.ControlFile), err)
	}
	var file controlFile
	if err := json.Unmarshal(text, &file); err != nil {
		return failure.Refused("control", "", "%s is damaged: %s", config.ControlFile, err)
	}
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, method, "http://"+file.Address+path, body)
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", "Bearer "+file.Token)
	reply, err := http.DefaultClient.Do(q)
	if err != nil {
		return failure.Refused("control", "was it killed? start it again", "the node of %s does not answer: %s", dir, err)
	}
	defer reply.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(reply.Body, 16<<20))
	if err != nil {
		return err
	}
	if reply.StatusCode != http.StatusOK {
		return failure.Refused("control", "", "%s", strings.TrimSpace(string(answer)))
	}
	return json.Unmarshal(answer, into)
}
