package node

import (
	"encoding/hex"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/node/audit"
	"parley/node/build"
	"parley/node/config"
	"parley/node/notify"
	"parley/node/peers"
	"parley/protocols"
)

// Report is what `parley node status` shows: a node as its operator sees
// it. No secret and no cell is in it.
type Report struct {
	Status
	Build     build.Info     `json:"build"`
	Role      string         `json:"role"`
	Shadow    bool           `json:"shadow,omitempty"`   // it works out what it would send, and sends nothing
	Caveat    string         `json:"caveat,omitempty"`   // of development keys: not for private data
	Starting  bool           `json:"starting,omitempty"` // nothing is known yet of what follows reason and uptime
	Healthy   bool           `json:"healthy"`
	Reason    string         `json:"reason,omitempty"` // why it is not healthy
	Uptime    float64        `json:"uptimeSeconds"`
	Ledger    LedgerReport   `json:"ledger"`
	Members   []MemberReport `json:"members"`
	Votes     []ChangeReport `json:"pendingVotes,omitempty"`
	People    []PersonReport `json:"people,omitempty"` // for whom this department vouches
	Tables    []TableReport  `json:"tables"`
	Analysts  []string       `json:"analysts"`                 // peer ids that the configuration lets in
	LeftOut   int            `json:"personsLeftOut,omitempty"` // for whom departments vouch, and who are not let in here
	Warnings  []string       `json:"warnings"`                 // sentences
	Alerts    *notify.Report `json:"alerts,omitempty"`         // how the operator's command and web service are told of alerts
	Disk      DiskReport     `json:"disk"`
	Epoch     uint64         `json:"epoch"` // the number of the one to ask under, 0 if none is formed
	Open      int            `json:"openQueries"`
	Evidence  int            `json:"evidence"` // deviations that the ledger has on record
	Blobs     int            `json:"blobs"`
	BlobBytes int64          `json:"blobBytes"`
	Memory    uint64         `json:"memoryBytes"` // of the heap and its like, from the system
}

type LedgerReport struct {
	Block      uint64    `json:"block"`
	Time       time.Time `json:"time"`
	Entries    uint64    `json:"entries"`
	Followed   uint64    `json:"followed"` // of them, those that this node has acted on
	State      string    `json:"state"`    // digest of the state after the block: the same at all nodes
	Validators int       `json:"validators"`
	Connected  int       `json:"connected"` // of the validators, this one included
	Quorum     bool      `json:"quorum"`    // they are more than two thirds
	CatchingUp bool      `json:"catchingUp"`
	Halted     string    `json:"halted,omitempty"`
}

type MemberReport struct {
	Name      string `json:"name"`
	Peer      string `json:"peer"`
	Role      string `json:"role"`
	Connected bool   `json:"connected"`
	Standing  string `json:"standing,omitempty"` // of one that is no founder: how its key came to its name, and in which block
}

// ChangeReport is a change of the membership that members have voted for, and that is not in force.
type ChangeReport struct {
	Change string       `json:"change"` // as people read it
	Action string       `json:"action"`
	Role   string       `json:"role"`
	Peer   string       `json:"peer"`
	To     string       `json:"to,omitempty"` // rotate, seize: the new identity
	By     []CastReport `json:"by"`           // from the first
	Need   int          `json:"need"`         // votes put it in force
	// Handover says of a rotation that the member's own vote is still missing.
	Handover bool `json:"handoverMissing,omitempty"`
}

type CastReport struct {
	Name  string `json:"name"` // empty: it has not joined
	Peer  string `json:"peer"`
	Block uint64 `json:"block"`
}

func viewVotes(s *protocols.State) (out []ChangeReport) {
	for _, p := range s.Pending() {
		c := ChangeReport{Change: audit.ChangeText(s, p.Change), Action: string(p.Change.Action), Role: string(p.Change.Role),
			Peer: peers.PeerOf(p.Change.Key), Need: p.Need, Handover: p.Change.Action == protocols.ActionRotate && !votedBy(p, p.Change.Key)}
		if p.Change.NewKey != (protocols.Key{}) {
			c.To = peers.PeerOf(p.Change.NewKey)
		}
		for _, r := range p.Votes {
			by := CastReport{Peer: peers.PeerOf(r.Entry.Author), Block: r.Block}
			if s.HasJoined(r.Entry.Author) {
				by.Name = s.NameOf(r.Entry.Author)
			}
			c.By = append(c.By, by)
		}
		out = append(out, c)
	}
	return out
}

// startReport is of a node that is not up yet.
func (n *node) startReport() Report {
	return Report{Status: n.view.Load().status, Role: n.role(), Starting: true, Reason: n.waiting(), Uptime: time.Since(n.started).Seconds()}
}

func (n *node) role() string {
	if n.cfg.Auditor {
		return config.RoleAuditor
	}
	return config.RoleDepartment
}

func (n *node) report() Report {
	v := n.view.Load()
	l := n.ledger.Status()
	state, place := n.ledger.Snapshot() // the later of the two looks: block, entries and digest belong together
	r := Report{Status: v.status, Build: build.Read(), Role: n.role(), Tables: append([]TableReport{}, v.tables...), Analysts: append([]string{}, v.analysts...), Disk: n.diskReport(), Uptime: time.Since(n.started).Seconds(),
		Ledger: LedgerReport{Block: place.Block, Time: place.Time, Entries: state.Applied(), Followed: v.height, State: hex.EncodeToString(state.Hash()), Validators: len(l.Validators), Connected: l.Connected,
			Quorum: l.Quorum, CatchingUp: !l.AtHead},
		Epoch: v.epoch, LeftOut: v.leftOut, Open: v.open, Evidence: v.evidence}
	if l.Halted != nil {
		r.Ledger.Halted = l.Halted.Error()
	}
	if n.network.Development {
		r.Caveat = protocols.DevelopmentCaveat
	}
	r.Shadow = n.cfg.Shadow
	r.Reason = n.unhealthy()
	r.Healthy = r.Reason == ""
	for _, m := range v.members {
		p := peers.IDOf(m.Key)
		m.report.Peer, m.report.Connected = p.String(), p == n.id.ID() || n.transport.Connected(p)
		r.Members = append(r.Members, m.report)
	}
	r.Votes = v.votes
	for _, p := range v.people {
		r.People = append(r.People, personOf(p, place.Time))
	}
	r.Blobs, r.BlobBytes = n.blobs.Total()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	r.Memory = memory.Sys
	if n.notifier != nil {
		told := n.notifier.Report()
		r.Alerts = &told
	}
	r.Warnings = append([]string{}, n.warnings(&r, v)...)
	return r
}

// viewMember is a member as the ledger has it.
type viewMember struct {
	protocols.Key
	report MemberReport
}

func viewMembers(s *protocols.State) []viewMember {
	var out []viewMember
	present, _ := s.Seats()
	for _, seat := range present {
		m := MemberReport{Role: string(seat.Role), Standing: audit.SeatOf(seat).Origin()}
		if s.HasJoined(seat.Key) {
			m.Name = seat.Name
		}
		out = append(out, viewMember{seat.Key, m})
	}
	return out
}

// queryOutcomes counts queries by how they ended here.
func queryOutcomes() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "parley", Name: "queries_total",
		Help: "queries that ended, by status: answered, refused, expired, failed"}, []string{"status"})
}

// measure registers the node's own metrics; the ledger and libp2p add theirs.
func (n *node) measure() {
	n.registry.MustRegister(n.outcomes)
	gauge := func(name, help string, value func() float64) {
		n.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "parley", Name: name, Help: help}, value))
	}
	gauge("ready", "1 once queries are answered", func() float64 { return oneIf(n.view.Load().status.Ready) })
	gauge("healthy", "1 while the node can do its part", func() float64 { return oneIf(n.unhealthy() == "") })
	gauge("open_queries", "queries that have not ended", func() float64 { return float64(n.view.Load().open) })
	gauge("evidence", "deviations on record", func() float64 { return float64(n.view.Load().evidence) })
	gauge("members_connected", "members that are connected, this node left out", func() float64 { return float64(n.connectedMembers()) })
	gauge("blob_bytes", "of the ciphertexts and keys that are kept", func() float64 { _, b := n.blobs.Total(); return float64(b) })
}

func (n *node) connectedMembers() int {
	count := 0
	for _, p := range n.transport.Roles.With(peers.Member) {
		if n.transport.Connected(p) {
			count++
		}
	}
	return count
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
