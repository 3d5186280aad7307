package gateway

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"parley/engine/policy"
	"parley/node/api"
	"parley/node/audit"
	"parley/node/cli/rights"
	"parley/node/client"
	"parley/node/disk"
	"parley/node/door"
	"parley/node/failure"
	"parley/node/flight"
	"parley/node/login"
	"parley/node/peers"
	"parley/node/pgwire"
	"parley/node/pgwire/session"
	"parley/node/scram"
	"parley/protocols"
)

// Settings are what a gateway is made of.
type Settings struct {
	Node       string
	Identities []string // files
	Listen     string   // of the PostgreSQL door
	HTTP       string   // of the JSON door; "": there is none
	Flight     string   // of the Flight SQL door; "": there is none
	Dir        string   // absolute
	Pinned     *protocols.Network
	Network    string // the file that it is from, for commands that are shown; may be empty
	Purpose    string // of sessions that say none
}

// Gateway is one that listens. Serve has it take up connections.
type Gateway struct {
	settings Settings
	listener net.Listener
	server   *pgwire.Server
	web      net.Listener // of the JSON door; nil: there is none
	api      *api.Server
	arrow    net.Listener // of the Flight SQL door; nil: there is none
	flight   *flight.Server
	back     *backend
	end      context.CancelFunc
	working  sync.WaitGroup
	unlock   func()
}

// person is somebody who may log in.
type person struct {
	client *client.Client
	desk   *door.Desk
}

// backend is what the protocol's server asks.
type backend struct {
	dir      string
	purpose  string
	people   []*person
	catalogs session.Catalogs
	log      *slog.Logger
	now      func() time.Time
}

// Open listens, makes what the folder lacks, and connects to the node as each of the persons. The caller closes it.
func Open(ctx context.Context, s Shell, o Settings) (_ *Gateway, err error) {
	g := &Gateway{settings: o, back: &backend{dir: o.Dir, purpose: o.Purpose, log: s.Log(), now: time.Now}}
	defer func() {
		if err != nil {
			g.Close()
		}
	}()
	if o.Purpose != "" {
		if err := policy.CheckPurpose(o.Purpose, ""); err != nil {
			return nil, failure.Usage("purpose", "write one line, without control characters or spaces at its ends", "%s", err)
		}
	}
	if g.listener, err = listen("--listen", o.Listen); err != nil { // before anything is written
		return nil, err
	}
	if o.HTTP != "" {
		if g.web, err = listen("--http", o.HTTP); err != nil {
			return nil, err
		}
	}
	if o.Flight != "" {
		if g.arrow, err = listen("--flight", o.Flight); err != nil {
			return nil, err
		}
	}
	if err := disk.MakePrivate(o.Dir); err != nil {
		return nil, failure.Refused("dir", "", "%s", err)
	}
	if g.unlock, err = disk.Lock(o.Dir); err != nil {
		return nil, failure.Refused("dir", "each gateway has a folder of its own: --dir", "%s: %s", o.Dir, err)
	}
	if err := disk.RemoveTemporary(o.Dir); err != nil {
		return nil, err
	}
	var work context.Context
	work, g.end = context.WithCancel(context.WithoutCancel(ctx))
	chronicle := audit.NewChronicle(door.MaxChronicle)
	for _, identity := range o.Identities {
		p, err := g.connect(ctx, s, identity, chronicle)
		if err != nil {
			return nil, err
		}
		g.back.people = append(g.back.people, p)
	}
	g.working.Go(func() { g.follow(work, s, chronicle) })
	if err := g.secure(); err != nil {
		return nil, err
	}
	return g, nil
}

func listen(flag, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, failure.Refused("listen", "another program may listen there: "+flag+" 127.0.0.1:0 takes a port that is free", "cannot listen on %s: %s", address, err)
	}
	return l, nil
}

// connect dials the node as a person, who needs a vouch to be somebody.
func (g *Gateway) connect(ctx context.Context, s Shell, identity string, chronicle *audit.Chronicle) (*person, error) {
	id, err := peers.LoadIdentity(identity)
	if err != nil {
		return nil, failure.Usage("identity", "", "%s", err)
	}
	for _, p := range g.back.people {
		if p.client.Key() == id.Key() {
			return nil, failure.Usage("identity", "", "%s is given twice", identity)
		}
	}
	c, err := s.Dial(ctx, g.settings.Node, identity)
	if err != nil {
		return nil, err
	}
	p := &person{client: c}
	network, err := c.Network(ctx)
	if err == nil && g.settings.Pinned != nil && network.ID() != g.settings.Pinned.ID() {
		err = failure.Refused("network", "", "the node is of network %s, pinned is %s", network.ID(), g.settings.Pinned.ID())
	}
	if err == nil {
		where := rights.Where{Node: g.settings.Node, Identity: identity}
		p.desk, err = door.New(c, door.Options{Dir: filepath.Join(ofPerson(g.settings.Dir, id.Peer()), answersName), Pinned: g.settings.Pinned,
			Chronicle: chronicle, Told: rights.Question{Network: g.settings.Network}.Teller(c, where), Log: g.back.log})
	}
	if err == nil {
		if refused := p.desk.Standing(); refused != nil {
			err = refused
		}
	}
	if err == nil {
		err = ensurePassword(g.settings.Dir, id.Peer())
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return p, nil
}

// follow keeps the chronicle of the ledger, and reads the proofs' keys, so that the first question need not.
func (g *Gateway) follow(ctx context.Context, s Shell, chronicle *audit.Chronicle) {
	g.working.Go(func() {
		if err := g.back.people[0].client.Prepare(ctx); err != nil && ctx.Err() == nil {
			g.back.log.Warn("the proofs' keys", "error", err.Error())
		}
	})
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		err := func() error {
			src, err := s.Source(ctx, g.settings.Node, g.settings.Identities[0])
			if err != nil {
				return err
			}
			defer src.Close()
			return chronicle.Follow(ctx, src)
		}()
		if ctx.Err() != nil {
			return
		}
		g.back.log.Warn("the ledger cannot be followed", "error", fmt.Sprint(err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// hostOf is the host of an address to listen on.
func hostOf(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return host
}

// secure makes the doors' servers. All show one certificate, and count wrong passwords together.
func (g *Gateway) secure() error {
	hosts := []string{hostOf(g.settings.Listen)}
	if g.web != nil {
		hosts = append(hosts, hostOf(g.settings.HTTP))
	}
	if g.arrow != nil {
		hosts = append(hosts, hostOf(g.settings.Flight))
	}
	certificate, _, err := material(g.settings.Dir, hosts, time.Now())
	if err != nil {
		return failure.Refused("certificate", "", "%s", err)
	}
	secret, err := readSecret(g.settings.Dir)
	if err != nil {
		return failure.Refused("secret", "", "%s", err)
	}
	if err := writePgpass(g.settings.Dir, g.back.users()); err != nil {
		return failure.Refused("write", "", "%s", err)
	}
	guard, err := login.NewGuard(g.back, secret, login.DefaultLimits(), g.back.now)
	if err != nil {
		return err
	}
	if g.server, err = pgwire.New(g.back, pgwire.Options{Certificate: certificate, Guard: guard, Log: g.back.log}); err != nil {
		return err
	}
	if g.web != nil {
		if g.api, err = api.New(g.back, api.Options{Certificate: certificate, Guard: guard, Purpose: g.settings.Purpose, Log: g.back.log, Now: g.back.now}); err != nil {
			return err
		}
	}
	if g.arrow != nil {
		if g.flight, err = flight.New(g.back, flight.Options{Certificate: certificate, Guard: guard, Purpose: g.settings.Purpose, Log: g.back.log, Now: g.back.now}); err != nil {
			return err
		}
	}
	return g.writeService()
}

// Serve takes up connections until ctx ends, or a door fails, and those that are there have ended.
func (g *Gateway) Serve(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	serving := []func() error{func() error { return g.server.Serve(ctx, g.listener) }}
	if g.web != nil {
		serving = append(serving, func() error { return g.api.Serve(ctx, g.web) })
	}
	if g.arrow != nil {
		serving = append(serving, func() error { return g.flight.Serve(ctx, g.arrow) })
	}
	done := make(chan error, len(serving))
	for _, serve := range serving {
		go func() { done <- serve() }()
	}
	var failed error
	for range serving {
		failed = errors.Join(failed, <-done)
		end()
	}
	return failed
}

// Close ends what Open began.
func (g *Gateway) Close() {
	for _, l := range []net.Listener{g.listener, g.web, g.arrow} {
		if l != nil {
			l.Close()
		}
	}
	if g.end != nil {
		g.end()
	}
	for _, p := range g.back.people {
		p.client.Close()
	}
	g.working.Wait()
	g.back.catalogs.Close()
	if g.unlock != nil {
		g.unlock()
	}
}

// user is a person's names.
type user struct{ Name, Peer, Department string }

// named is the person's names by the ledger.
func (p *person) named() user {
	key := p.client.Key()
	u := user{Peer: peers.PeerOf(key)}
	p.client.View(func(s *protocols.State) {
		if of := s.Person(key); of != nil {
			u.Name, u.Department = of.Name, of.Department
		}
	})
	return u
}

func (b *backend) users() (out []user) {
	for _, p := range b.people {
		out = append(out, p.named())
	}
	return out
}

// find is the person of a name: a peer id, or a name that one of them alone has.
func (b *backend) find(name string) *person {
	var found *person
	for _, p := range b.people {
		u := p.named()
		switch {
		case name == "":
		case u.Peer == name:
			return p
		case u.Name == name && found != nil:
			return nil
		case u.Name == name:
			found = p
		}
	}
	return found
}

// Verifier implements login.People.
func (b *backend) Verifier(name string) (scram.Verifier, bool) {
	p := b.find(name)
	if p == nil {
		return scram.Verifier{}, false
	}
	v, err := readVerifier(b.dir, peers.PeerOf(p.client.Key()))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			b.log.Error("a password cannot be checked", "error", err.Error())
		}
		return scram.Verifier{}, false
	}
	return v, true
}

// Certified implements login.People: the certificate is signed by the very key for which a department vouches.
func (b *backend) Certified(name string, c *x509.Certificate) bool {
	p := b.find(name)
	return p != nil && certified(c, p.client.Key(), b.now())
}

// Peer implements api.People.
func (b *backend) Peer(name string) (string, bool) {
	p := b.find(name)
	if p == nil {
		return "", false
	}
	return peers.PeerOf(p.client.Key()), true
}

// Desk implements api.People.
func (b *backend) Desk(peer string) (api.Desk, bool) {
	for _, p := range b.people {
		if peers.PeerOf(p.client.Key()) == peer {
			return p.desk, true
		}
	}
	return nil, false
}

// Asking implements flight.People.
func (b *backend) Asking(peer string) (flight.Desk, bool) {
	d, ok := b.Desk(peer)
	if !ok {
		return nil, false
	}
	return d.(*door.Desk), true
}

// Open implements pgwire.Backend.
func (b *backend) Open(ctx context.Context, l pgwire.Login) (pgwire.Session, error) {
	p := b.find(l.User)
	if p == nil {
		return nil, &pgwire.Error{Code: "28000", Message: "the user is unknown by now"}
	}
	if refused := p.desk.Standing(); refused != nil {
		return nil, &pgwire.Error{Code: "28000", Message: refused.Sentence, Hint: refused.Hint}
	}
	if _, said := l.Settings["parley.purpose"]; !said && b.purpose != "" {
		if l.Settings == nil {
			l.Settings = map[string]string{}
		}
		l.Settings["parley.purpose"] = b.purpose
	}
	return session.Open(ctx, p.desk, l, &b.catalogs)
}
