package node

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"parley/engine"
	"parley/node/failure"
	"parley/node/peers"
	"parley/protocols"
)

// actHeader carries what an operator signs, base64, beside a request at the door.
const actHeader = "Parley-Act"

// reloadLimit is how long a reload waits for its word to stand on the ledger, which may stand still.
const reloadLimit = 2 * time.Second

// actTries is how often an act is said, each time with a later turn, where another of the same author's has come
// before it.
const actTries = 3

// errTurn is of an act whose turn another one of the same author's has used.
var errTurn = errors.New("another act of the same author came first")

// usedTurn is the error of an act that was not ordered.
func usedTurn(err error) error {
	var refusal *protocols.Refusal
	if errors.As(err, &refusal) && refusal.Code == "duplicate" {
		return fmt.Errorf("%w: %w", errTurn, err)
	}
	return err
}

// refuseAct answers why something was not done; of a used turn so that Operate can tell.
func refuseAct(w http.ResponseWriter, err error) {
	status := http.StatusConflict
	if errors.Is(err, errTurn) {
		status = http.StatusPreconditionFailed
	}
	http.Error(w, err.Error(), status)
}

// ActSheet is what an operator has to sign before the node does something.
type ActSheet struct {
	Network   engine.Digest `json:"network"`
	Node      string        `json:"node"`      // peer id
	Turn      uint64        `json:"turn"`      // of the operator's next act
	Operators []string      `json:"operators"` // by name; none: the node signs for itself
}

// serveAct tells an operator, by its peer id, what to sign.
func (n *node) serveAct(w http.ResponseWriter, r *http.Request) {
	key, err := peers.KeyOf(r.URL.Query().Get("by"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !n.up.Load() {
		http.Error(w, "this node does not know yet: "+n.waiting(), http.StatusConflict)
		return
	}
	s, err := n.history.Base(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	answerJSON200(w, ActSheet{Network: n.network.ID(), Node: n.id.Peer(), Turn: s.NextAct(key), Operators: n.operators(s)})
}

// operators are the names of those who may have the node do something now.
func (n *node) operators(s *protocols.State) []string {
	_, place := n.ledger.Snapshot()
	names := []string{}
	for _, p := range s.Operators(n.id.Key(), place.Time.Unix()) {
		names = append(names, p.Name)
	}
	return names
}

// act puts on the ledger what the node is about to do, by the word of one of its operators where the
// department vouches for any, else by its own. signed is the request's header.
func (n *node) act(ctx context.Context, signed, what string) error {
	n.acting.Lock()
	defer n.acting.Unlock()
	s, err := n.history.Base(ctx)
	if err != nil {
		return err
	}
	self, operators := n.id.Key(), n.operators(s)
	if signed == "" {
		if len(operators) > 0 {
			return fmt.Errorf("this department vouches for operators (%s), and does nothing without the word of one: --as KEYFILE names the operator's identity", strings.Join(operators, ", "))
		}
		turn := s.NextAct(self)
		for tries := 1; ; tries++ {
			err := usedTurn(n.history.Append(ctx, n.ownAct(turn, what)))
			if !errors.Is(err, errTurn) || tries == actTries {
				return err
			}
			turn++
		}
	}
	raw, err := base64.StdEncoding.DecodeString(signed)
	if err != nil {
		return errors.New("the operator's word does not decode")
	}
	e, err := protocols.ParseEntry(raw)
	if err == nil {
		err = e.Verify(n.network.ID())
	}
	if err != nil {
		return fmt.Errorf("the operator's word: %w", err)
	}
	body, err := e.Open()
	if err != nil {
		return fmt.Errorf("the operator's word: %w", err)
	}
	b, ok := body.(*protocols.Act)
	switch {
	case !ok || b.Node != self || b.What != what:
		return errors.New("the operator signed something else than what is asked of the node")
	case e.Author == self:
		return errors.New("the node's own identity is no operator's")
	}
	return usedTurn(n.history.Append(ctx, e)) // whether the author may, the referee says
}

// ownAct is what the node itself says that it is about to do.
func (n *node) ownAct(turn uint64, what string) protocols.Entry {
	return protocols.Sign(n.network.ID(), n.id.Private(), &protocols.Act{Node: n.id.Key(), What: what, Turn: turn})
}

// sendAct says what the node does by itself, whenever the ledger takes it.
func (n *node) sendAct(turn uint64, what string, tries int) {
	n.outbox.Send(n.ownAct(turn, what), func(err error) {
		if errors.Is(usedTurn(err), errTurn) && tries > 1 {
			n.sendAct(turn+1, what, tries-1)
			return
		}
		n.log.Warn("the ledger does not take what this node did", "what", what, "error", err.Error())
	})
}

// actOfReload says that node.toml is read again. A ledger that stands still does not keep an operator from it:
// the word stands on it later.
func (n *node) actOfReload(ctx context.Context, signed string) error {
	ctx, cancel := context.WithTimeout(ctx, reloadLimit)
	defer cancel()
	err := n.act(ctx, signed, actReload)
	if err != nil && ctx.Err() != nil {
		n.log.Warn("node.toml is read again, and the ledger does not hold it yet", "why", err.Error())
		return nil
	}
	return err
}

// What nodes are told to do, besides what requests say.
const (
	actReload = "reload"
	actSignal = "reload, by a signal"
)

// Operate has the node that runs from a folder do something, by the word of an operator whose identity is in
// keyFile; empty: by its own, which it refuses where its department vouches for operators. what is the
// request in words.
func Operate(ctx context.Context, dir, keyFile, path, what string, request, into any) error {
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return err
		}
	}
	if keyFile == "" {
		return callControl(ctx, dir, http.MethodPost, path, "", body, into)
	}
	id, err := peers.LoadIdentity(keyFile)
	if err != nil {
		return failure.Usage("identity", "", "%s", err)
	}
	for tries := 1; ; tries++ {
		var sheet ActSheet
		if err := callControl(ctx, dir, http.MethodGet, "/act?by="+id.Peer(), "", nil, &sheet); err != nil {
			return err
		}
		of, err := peers.KeyOf(sheet.Node)
		if err != nil {
			return err
		}
		e := protocols.Sign(sheet.Network, id.Private(), &protocols.Act{Node: of, What: what, Turn: sheet.Turn})
		err = callControl(ctx, dir, http.MethodPost, path, base64.StdEncoding.EncodeToString(e.Marshal()), body, into)
		if !errors.Is(err, errTurn) || tries == actTries {
			return err
		}
	}
}
