package render

import (
	"fmt"
	"strings"
	"time"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/audit"
	"parley/node/failure"
	"parley/protocols"
)

// Verdict is what `verify --json` prints.
type Verdict struct {
	Verified        bool          `json:"verified"`
	Pinned          bool          `json:"pinned"`
	DevelopmentKeys bool          `json:"developmentKeys"`
	Caveat          string        `json:"caveat,omitempty"` // what development keys let their maker do
	ValueShown      bool          `json:"valueShown"`
	Reason          string        `json:"reason,omitempty"`
	Department      string        `json:"department,omitempty"`
	Digest          string        `json:"digest,omitempty"` // the same with and without the opening
	Block           uint64        `json:"block,omitempty"`  // of the ledger, that the outcome stands in
	Time            *time.Time    `json:"time,omitempty"`   // of that block
	Parameters      string        `json:"parameters,omitempty"`
	Departments     []string      `json:"departments,omitempty"`
	Members         []audit.Seat  `json:"members,omitempty"` // of the network when the answer was made, and who had left, by key
	SQL             string        `json:"sql,omitempty"`
	Columns         []string      `json:"columns,omitempty"`
	Rows            [][]*string   `json:"rows,omitempty"`
	Exact           [][]*string   `json:"exact,omitempty"`
	Model           *Model        `json:"model,omitempty"`
	ModelExact      *Model        `json:"modelExact,omitempty"`
	Notes           []engine.Note `json:"notes,omitempty"`
	Remarks         []string      `json:"remarks,omitempty"` // on the question's literals, as the answer has them
	Withheld        []Withheld    `json:"withheld,omitempty"`
	Noise           *Noise        `json:"noise,omitempty"`     // that figures carry
	Rounded         int64         `json:"rounded,omitempty"`   // what counts are rounded to
	Screening       string        `json:"screening,omitempty"` // the query by which the contributors said what is shown; that their counts were true nothing shows
	Linked          *audit.Linked `json:"linked,omitempty"`    // of a join across departments
	Compared        []string      `json:"compared,omitempty"`  // the queries whose answers it was compared with; that there were no others is the ledger's word
	Rounds          []Round       `json:"rounds,omitempty"`    // of a question that took several
}

// VerdictOf is the JSON form of a verdict. The reason is left out when all is well.
func VerdictOf(v protocols.Verdict) Verdict {
	caveat := ""
	if v.DevelopmentKeys {
		caveat = protocols.DevelopmentCaveat
	}
	out := Verdict{Verified: v.Verified, Pinned: v.Pinned, DevelopmentKeys: v.DevelopmentKeys, Caveat: caveat,
		ValueShown: v.ValueShown, Department: v.Department, Parameters: v.Parameters, Departments: v.Departments}
	if !v.Verified {
		out.Reason = v.Reason
	}
	if v.SelfConsistent {
		out.Members = audit.SeatsOf(v.Seats, v.Gone)
		out.Digest, out.Block, out.Time = v.Certificate.String(), v.Block, &v.Time
	}
	if v.SelfConsistent && v.Screening != (engine.Digest{}) {
		out.Screening = v.Screening.String()
	}
	if v.SelfConsistent {
		out.Compared, out.Linked = comparedWith(v), audit.LinkedOf(v.Linked)
	}
	out.SQL = questionOf(v)
	for _, r := range v.Rounds {
		out.Rounds = append(out.Rounds, Round{questionOf(r), r.Query.String(), planDigest(r), strings.Join(screeningsOf(r), ""), Certificate{Digest: r.Certificate.String()}})
	}
	if v.SelfConsistent && v.ValueShown && v.Result != nil {
		out.Columns, out.Rows, out.Exact = v.Result.Columns, Texts(v.Result), Exacts(v.Result)
		out.Model, out.ModelExact = modelsOf(v.Result)
		out.Noise = noiseOf(v.Result, lastPlan(v))
		out.Notes, out.Remarks, out.Withheld, out.Rounded = v.Result.Notes, notesOf(lastPlan(v)), withheldOf(v.Result), v.Result.Rounded
	}
	return out
}

// lastPlan is the plan that an answer's rows follow from, nil where there is none.
func lastPlan(v protocols.Verdict) *engine.Plan {
	if len(v.Rounds) > 0 {
		v = v.Rounds[len(v.Rounds)-1]
	}
	return v.Plan
}

// notesOf is what there is to say of the question's literals.
func notesOf(p *engine.Plan) []string {
	if p == nil {
		return nil
	}
	return p.Notes()
}

// planDigest is the digest of the plan that a verdict is about, or "".
func planDigest(v protocols.Verdict) string {
	if v.Plan == nil {
		return ""
	}
	return v.Plan.Digest().String()
}

// questionOf is the SQL that a verdict is about; "" where it is not known.
func questionOf(v protocols.Verdict) string {
	if v.Plan != nil {
		return v.Plan.SQL
	}
	return v.Question
}

// compared tells whether the keys were compared with pinned ones.
func compared(v protocols.Verdict) bool { return v.Pinned || v.OtherKeys }

// unpinned reports whether all that a verdict lacks is a pin.
func unpinned(v protocols.Verdict) bool {
	return v.SelfConsistent && v.Reason == protocols.ReasonUnknownSigners
}

// VerdictLine is the verdict in one line. Without a pin it never says "verified".
func VerdictLine(v protocols.Verdict) string {
	line := "verified"
	switch {
	case v.Verified:
	case unpinned(v):
		line = v.Reason
	case v.OtherKeys:
		line = "NOT verified: " + failure.Printable(v.Reason)
	default:
		line = "NOT verified: " + failure.Printable(v.Reason)
		if v.Department != "" {
			line += " (department " + failure.Printable(v.Department) + ")"
		}
		return line
	}
	if v.DevelopmentKeys {
		line += "; " + protocols.DevelopmentCaveat
	}
	if !v.ValueShown {
		line += "; sealed, value not shown"
	}
	return line
}

// VerdictText is what `verify` prints: the verdict first, then whose it is, then the question and the
// answer. Of a certificate that is not verified, though keys are pinned, the answer is left out
// unless shown asks for it: figures that stand on a screen are believed.
func VerdictText(v protocols.Verdict, shown bool) string {
	var b Page
	b.Add("certificate", "%s", VerdictLine(v))
	if v.SelfConsistent {
		seats := audit.SeatsOf(v.Seats, v.Gone)
		b.Add("departments", "%s", strings.Join(markedNames(v.Departments, seats, compared(v)), ", "))
		b.WriteString(SeatLines("keys", seats, compared(v)))
		b.Add("parameters", "%s", parametersText(v.Parameters, v.ForPrivateData))
		if line := joinedLine(v.Linked); line != "" {
			b.Add("joined", "%s", line)
		}
		if line := screeningLine(screeningsOf(v)); line != "" {
			b.Add("screening", "%s", line)
		}
		if line := comparedLine(comparedWith(v)); line != "" {
			b.Add("history", "%s", line)
		}
		if line := roundingLine(lastPlan(v)); line != "" {
			b.Add("rounding", "%s", line)
		}
		b.Add("ledger", "%s", Anchor(v))
		b.Add("digest", "%s", v.Certificate)
		for i, r := range v.Rounds {
			b.Add(fmt.Sprintf("round %d", i+1), "%s", r.Certificate)
		}
	}
	if sql := questionOf(v); sql != "" {
		b.WriteString("\n" + SQL(sql, Width) + "\n")
	}
	if !v.SelfConsistent || !v.ValueShown || v.Result == nil {
		return b.String()
	}
	if !v.Verified && !unpinned(v) && !shown {
		b.WriteString("\nThe answer is not shown, since it is not verified: --show shows it.\n")
		return b.String()
	}
	b.WriteString("\n" + result(v.Result, lastPlan(v), policy.English))
	return b.String()
}

// joinedLine says it in words; "" of a question that joins nothing by persons.
func joinedLine(l *protocols.Linked) string {
	if l == nil {
		return ""
	}
	return failure.Printable(fmt.Sprintf("by persons on the spine %s of %s, version %d, of %s", l.Table, l.Department, l.Version, engine.Plural(int(l.Positions), "position")))
}

// Anchor is where on the ledger an answer stands.
func Anchor(v protocols.Verdict) string {
	return fmt.Sprintf("block %d of %s", v.Block, failure.Time(v.Time))
}

func parametersText(name string, forPrivateData bool) string {
	if !forPrivateData {
		return name + " (not for private data)"
	}
	return name
}

// VerdictStatus is the exit status of a verdict: success only when each signer's key is pinned.
func VerdictStatus(v protocols.Verdict, pinned *protocols.Network) int {
	switch {
	case v.Verified:
		return failure.StatusAnswered
	case v.SelfConsistent && (pinned == nil || v.OtherKeys):
		return failure.StatusNotPinned
	}
	return failure.StatusRefused
}
