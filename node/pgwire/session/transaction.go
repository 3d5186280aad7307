package session

import (
	"context"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"parley/node/pgwire"
)

// block is a session's transaction block. Nothing is ever written, so all that it undoes are settings.
type block struct {
	state  pgwire.TxState // 0 is Idle
	before values         // the settings when it began; nil outside of one
	local  map[string]bool
	saved  []savepoint
}

type savepoint struct {
	name     string
	settings values
	local    map[string]bool
}

// State is that of the transaction block.
func (s *session) State() pgwire.TxState {
	if s.block.state == 0 {
		return pgwire.Idle
	}
	return s.block.state
}

// Failed aborts a block that is open.
func (s *session) Failed() {
	if s.block.state == pgwire.InBlock {
		s.block.state = pgwire.Aborted
	}
	s.unlocal()
}

// Sync ends what is a unit of its own.
func (s *session) Sync() {
	s.several = false
	if s.State() == pgwire.Idle {
		s.unlocal()
		s.closeCursors(false)
	}
}

// unlocal takes back SET LOCAL of a unit without a block.
func (s *session) unlocal() {
	if s.State() == pgwire.Idle && s.block.before != nil {
		s.restore(s.block.before, s.block.local)
		s.block = block{}
	}
}

// keep remembers the settings before the first SET LOCAL of a unit without a block.
func (s *session) keep() {
	if s.block.before == nil {
		s.block.before, s.block.local = s.snapshot(), map[string]bool{}
	}
}

// restore gives settings their values of before: those that are named, or all.
func (s *session) restore(before values, only map[string]bool) {
	for name, value := range before {
		if only == nil || only[name] {
			s.put(name, value)
		}
	}
}

// inUnit reports whether there is a block, or several statements that are one unit.
func (s *session) inUnit() bool { return s.State() != pgwire.Idle || s.several }

// transaction prepares BEGIN and its like.
func (s *session) transaction(t *pg.TransactionStmt) (*statement, error) {
	out := &statement{s: s, untimed: true}
	var run func() (string, error)
	switch t.Kind {
	case pg.TransactionStmtKind_TRANS_STMT_BEGIN, pg.TransactionStmtKind_TRANS_STMT_START:
		tag := "BEGIN"
		if t.Kind == pg.TransactionStmtKind_TRANS_STMT_START {
			tag = "START TRANSACTION"
		}
		run = func() (string, error) { return tag, s.begin(t.Options) }
	case pg.TransactionStmtKind_TRANS_STMT_COMMIT:
		out.ends = true
		run = func() (string, error) { return s.end(true, t.Chain) }
	case pg.TransactionStmtKind_TRANS_STMT_ROLLBACK:
		out.ends = true
		run = func() (string, error) { return s.end(false, t.Chain) }
	case pg.TransactionStmtKind_TRANS_STMT_SAVEPOINT:
		run = func() (string, error) { return "SAVEPOINT", s.save(t.SavepointName) }
	case pg.TransactionStmtKind_TRANS_STMT_RELEASE:
		run = func() (string, error) { return "RELEASE", s.release(t.SavepointName) }
	case pg.TransactionStmtKind_TRANS_STMT_ROLLBACK_TO:
		out.ends = true
		run = func() (string, error) { return "ROLLBACK", s.rollbackTo(t.SavepointName) }
	default:
		return nil, hinted(refuse("0A000", "prepared transactions are not supported"), "nothing is written here, so there is nothing to commit in two phases")
	}
	out.run = func(context.Context, []pgwire.Value) (*pgwire.Result, error) {
		tag, err := run()
		if err != nil {
			return nil, err
		}
		return &pgwire.Result{Tag: tag}, nil
	}
	return out, nil
}

func (s *session) begin(options []*pg.Node) error {
	if s.State() == pgwire.InBlock {
		s.warn("25001", "there is already a transaction in progress")
		return s.characteristics(options, "")
	}
	before, local := s.snapshot(), map[string]bool{}
	if s.block.before != nil { // SET LOCAL earlier in the same unit
		before, local = s.block.before, s.block.local
	}
	s.block = block{state: pgwire.InBlock, before: before, local: local}
	if err := s.characteristics(options, ""); err != nil {
		s.block = block{}
		return err
	}
	return nil
}

// end ends the block, and begins another where the statement says AND CHAIN.
func (s *session) end(commit, chain bool) (string, error) {
	tag := "COMMIT"
	if !commit || s.block.state == pgwire.Aborted {
		tag = "ROLLBACK"
	}
	if s.State() == pgwire.Idle {
		if chain {
			return "", refuse("25P01", "%s AND CHAIN can only be used in transaction blocks", tag)
		}
		s.warn("25P01", "there is no transaction in progress")
		s.unlocal()
		return tag, nil
	}
	b := s.block
	s.block = block{}
	if tag == "COMMIT" {
		s.restore(b.before, b.local)
	} else {
		s.restore(b.before, nil)
	}
	s.closeCursors(tag == "ROLLBACK")
	if chain {
		return tag, s.begin(nil)
	}
	return tag, nil
}

func (s *session) save(name string) error {
	switch {
	case !s.inUnit() || s.State() == pgwire.Idle:
		return refuse("25P01", "SAVEPOINT can only be used in transaction blocks")
	case len(s.block.saved) >= MaxSavepoints:
		return refuse("54000", "at most %d savepoints are open at once", MaxSavepoints)
	}
	local := map[string]bool{}
	for name := range s.block.local {
		local[name] = true
	}
	s.block.saved = append(s.block.saved, savepoint{name: name, settings: s.snapshot(), local: local})
	return nil
}

// savepointAt finds the last savepoint of a name.
func (s *session) savepointAt(command, name string) (int, error) {
	if s.State() == pgwire.Idle {
		return 0, refuse("25P01", "%s can only be used in transaction blocks", command)
	}
	for i, p := range slices.Backward(s.block.saved) {
		if p.name == name {
			return i, nil
		}
	}
	return 0, refuse("3B001", "savepoint \"%s\" does not exist", name)
}

func (s *session) release(name string) error {
	i, err := s.savepointAt("RELEASE SAVEPOINT", name)
	if err == nil {
		s.block.saved = s.block.saved[:i]
	}
	return err
}

func (s *session) rollbackTo(name string) error {
	i, err := s.savepointAt("ROLLBACK TO SAVEPOINT", name)
	if err != nil {
		return err
	}
	point := s.block.saved[i]
	s.restore(point.settings, nil)
	s.block.local = map[string]bool{}
	for name := range point.local {
		s.block.local[name] = true
	}
	s.block.saved, s.block.state = s.block.saved[:i+1], pgwire.InBlock
	return nil
}

// characteristics takes what BEGIN and SET TRANSACTION say, for the block; prefix names the settings of SESSION CHARACTERISTICS.
func (s *session) characteristics(options []*pg.Node, prefix string) error {
	for _, node := range options {
		d := node.GetDefElem()
		name := d.GetDefname()
		switch name {
		case "transaction_isolation", "transaction_read_only", "transaction_deferrable":
		default:
			return refuse("0A000", "transactions have no characteristic %s", name)
		}
		words, err := wordsOf([]*pg.Node{d.GetArg()})
		if err != nil {
			return err
		}
		if prefix != "" {
			name = prefix + name
		}
		if err := s.set(name, joined(words, name), prefix == ""); err != nil {
			return err
		}
	}
	return nil
}
