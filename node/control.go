package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"parley/node/config"
	"parley/node/disk"
	"parley/node/failure"
)

// The operator's door (README section 12): HTTP on a loopback port that the
// system chooses, for whoever can read the file control.json in the node's
// folder, which is the node's own user.
const (
	ControlTimeout = 10 * time.Second
	controlBody    = 64 << 10 // of a request
)

// Door tells the node's own user where its door is.
type Door struct {
	Address string `json:"address"`
	Token   string `json:"token"`
}

// openControl serves the door, and metrics and health at the address that the
// configuration names for them, which needs no token.
func (n *node) openControl(context.Context) error {
	token := make([]byte, 32)
	rand.Read(token) // never fails (crypto/rand)
	file := Door{Token: hex.EncodeToString(token)}
	open := http.NewServeMux()
	open.HandleFunc("GET /health", n.serveHealth)
	open.Handle("GET /metrics", promhttp.HandlerFor(n.registry, promhttp.HandlerOpts{}))
	door := http.NewServeMux()
	door.Handle("GET /", open)
	door.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		if n.up.Load() {
			answerJSON200(w, n.report())
		} else {
			answerJSON200(w, n.startReport())
		}
	})
	door.HandleFunc("GET /linkage", func(w http.ResponseWriter, _ *http.Request) {
		if !n.up.Load() || n.linker == nil {
			http.Error(w, "the node has no part in a linkage: it is starting, or an auditor's", http.StatusServiceUnavailable)
			return
		}
		answerJSON200(w, n.linker.Report())
	})
	door.HandleFunc("POST /vote", n.serveVote)
	door.HandleFunc("GET /act", n.serveAct)
	door.HandleFunc("GET /people", n.servePeople)
	door.HandleFunc("POST /people", n.serveVouch)
	door.HandleFunc("POST /reload", n.serveReload)
	address, err := n.serveHTTP("127.0.0.1:0", withToken(file.Token, door))
	if err != nil {
		return err
	}
	file.Address = address
	text, err := json.Marshal(file)
	if err != nil {
		return err
	}
	n.killed()
	path := filepath.Join(n.cfg.Dir, config.ControlFile)
	if err := disk.WriteFile(path, text); err != nil {
		return err
	}
	n.onClose(func() { os.Remove(path) })
	if n.cfg.Metrics == "" {
		return nil
	}
	address, err = n.serveHTTP(n.cfg.Metrics, open)
	if err != nil {
		return n.cfg.Fault("metrics", fmt.Errorf("metrics: %w", err))
	}
	n.log.Info("metrics", "address", "http://"+address+"/metrics")
	return nil
}

func (n *node) serveHTTP(address string, h http.Handler) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	s := &http.Server{Handler: http.MaxBytesHandler(h, controlBody), ReadTimeout: ControlTimeout, WriteTimeout: ControlTimeout,
		IdleTimeout: ControlTimeout, MaxHeaderBytes: controlBody}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("the operator's door closed", "error", err.Error())
		}
	}()
	n.onClose(func() { s.Close(); <-done })
	return l.Addr().String(), nil
}

// withToken refuses who does not know the token. Host is checked too, so that
// no page in a browser can reach the door under another name.
func withToken(token string, h http.Handler) http.Handler {
	want := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Host, "127.0.0.1:") || subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func answerJSON200(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the reader is gone
}

// serveHealth answers 200 when the node can do its part, else 503 and why not.
func (n *node) serveHealth(w http.ResponseWriter, _ *http.Request) {
	why := n.waiting()
	if n.up.Load() {
		why = n.unhealthy()
	}
	if why != "" {
		http.Error(w, why, http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n")
}

// CallControl asks a running node through its door.
func CallControl(ctx context.Context, dir, method, path string, body io.Reader, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = io.ReadAll(body); err != nil {
			return err
		}
	}
	return callControl(ctx, dir, method, path, "", text, into)
}

// callControl is CallControl with an operator's word beside the request; empty: none.
func callControl(ctx context.Context, dir, method, path, signed string, body []byte, into any) error {
	text, err := os.ReadFile(filepath.Join(dir, config.ControlFile))
	if errors.Is(err, fs.ErrNotExist) {
		return failure.Refused("control", "start it with parley node", "no node is running from %s", dir)
	}
	if err != nil {
		return failure.Unreadable("control", filepath.Join(dir, config.ControlFile), err)
	}
	var file Door
	if err := json.Unmarshal(text, &file); err != nil {
		return failure.Refused("control", "", "%s is damaged: %s", config.ControlFile, err)
	}
	ctx, cancel := context.WithTimeout(ctx, ControlTimeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, method, "http://"+file.Address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", "Bearer "+file.Token)
	if signed != "" {
		q.Header.Set(actHeader, signed)
	}
	reply, err := http.DefaultClient.Do(q)
	if err != nil {
		return failure.Refused("control", "was it killed? start it again", "the node of %s does not answer: %s", dir, err)
	}
	defer reply.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(reply.Body, 16<<20))
	if err != nil {
		return err
	}
	switch reply.StatusCode {
	case http.StatusOK:
		return json.Unmarshal(answer, into)
	case http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", errTurn, failure.Refused("control", "", "%s", strings.TrimSpace(string(answer))))
	}
	return failure.Refused("control", "", "%s", strings.TrimSpace(string(answer)))
}
