package rights

import (
	"context"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/engine"
	"parley/engine/policy"
	"parley/node/client"
	"parley/node/failure"
	"parley/node/render"
	"parley/protocols"
)

// Question is what is said of a question beside its SQL.
type Question struct {
	Purpose, Basis, Language string
	Departments              []string
	Network                  string // the pinned description, for the ready commands; may be empty
}

// Add adds --purpose, --basis, --lang and --departments.
func (q *Question) Add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&q.Purpose, "purpose", "", "what the answer is for, one line; it stands on the ledger")
	flags.StringVar(&q.Basis, "basis", "", "the legal basis, where a department's policy demands one")
	flags.StringSliceVar(&q.Departments, "departments", nil, "only these departments contribute; all that hold the table otherwise")
	AddLanguage(cmd, &q.Language)
}

// AddLanguage adds --lang.
func AddLanguage(cmd *cobra.Command, language *string) {
	cmd.Flags().StringVar(language, "lang", policy.English, `the language in which decisions and explanations are told: "en" or "zh"`)
}

// CheckLanguage refuses a language that decisions are not told in.
func CheckLanguage(language string) error {
	if language != "" && language != policy.English && language != policy.Chinese {
		return failure.Usage("flag", "", `--lang %q: it is "en" or "zh"`, language)
	}
	return nil
}

// Check refuses what no department could answer: a question without a purpose above all.
func (q *Question) Check(command string) error {
	if err := CheckLanguage(q.Language); err != nil {
		return err
	}
	if q.Purpose == "" && q.Language == policy.Chinese {
		f := failure.Usage("purpose", `写明答案的用途，例如 --purpose "返贫监测年度报告"；部门要求法律依据时再加 --basis "..."。两者都记入账本`,
			"parley %s需要--purpose：没有用途，任何部门都不回答", command)
		f.Hinted = hinted
		return f
	}
	if q.Purpose == "" {
		return failure.Usage("purpose", `write what the answer is for, for example --purpose "yearly report on poverty relapse", and --basis "..." where a department `+
			"demands the legal basis; both stand on the ledger", "parley %s needs --purpose: without one nobody is answered", command)
	}
	return q.CheckGiven()
}

// CheckGiven checks what was given, and demands nothing.
func (q *Question) CheckGiven() error {
	if err := CheckLanguage(q.Language); err != nil {
		return err
	}
	if q.Purpose == "" {
		return nil
	}
	if err := policy.CheckPurpose(q.Purpose, q.Basis); err != nil {
		return failure.Usage("purpose", "write one line, without control characters or spaces at its ends", "%s", err)
	}
	return nil
}

// Options are a client's for the question.
func (q *Question) Options() client.AskOptions {
	return client.AskOptions{Departments: q.Departments, Purpose: q.Purpose, Basis: q.Basis, Language: q.Language}
}

// command are the words of a command that asks something of these departments.
func (q *Question) command(w Where, departments []string, sql string, more ...string) string {
	words := []string{"parley", "query", "--node", w.Node, "--identity", w.Identity}
	if q.Network != "" {
		words = append(words, "--network", q.Network)
	}
	words = append(words, "--purpose", q.Purpose)
	if q.Basis != "" {
		words = append(words, "--basis", q.Basis)
	}
	if len(departments) > 0 {
		words = append(words, "--departments", csvLine(departments))
	}
	words = append(words, more...)
	if strings.HasPrefix(sql, "-") {
		words = append(words, "--")
	}
	return failure.Command(append(words, sql)...)
}

// csvLine writes names as one value of a flag that takes several.
func csvLine(names []string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Write(names) // a Builder takes everything
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// maxRequested is how many requests of a question a refusal shows, the last ones.
const maxRequested = 3

// Told is a decision about a question with the commands that go on from there: one that requests what is missing, and one
// for those departments that would answer without the others.
func (q *Question) Told(ctx context.Context, c *client.Client, w Where, sql string, d *policy.Decision) (render.Decision, error) {
	out := render.DecisionOf(d, q.Language)
	if d.Allowed {
		return out, nil
	}
	if d.Request != nil {
		out.Request = q.command(w, q.Departments, sql, "--request")
	}
	f, err := c.Facts(ctx, sql, q.Departments)
	if err != nil {
		return out, err
	}
	refusing := d.Refusing()
	c.View(func(s *protocols.State) {
		p := s.Person(c.Key())
		for _, r := range s.Requests() {
			about := slices.ContainsFunc(r.Request.Departments, func(name string) bool { return slices.Contains(refusing, name) })
			if about && p != nil && p.First == r.Person && r.Request.Subject.Asked == f.Asked {
				out.Requested = append(out.Requested, render.RequestOf(s, r, time.Now()))
			}
		}
	})
	out.Requested = out.Requested[max(0, len(out.Requested)-maxRequested):]
	c.View(func(s *protocols.State) {
		for _, g := range s.Grants() {
			lacks := func(m policy.Missing) bool { return m.Reason == policy.GrantRevoked && m.Grant == g.ID }
			if g.Rescind != nil && slices.ContainsFunc(d.Missing, lacks) {
				out.Revoked = append(out.Revoked, render.GrantOf(s, g, time.Now()))
			}
		}
	})
	for _, k := range f.Contributors {
		if !slices.Contains(refusing, k.Department) {
			out.Rest = append(out.Rest, k.Department)
		}
	}
	if len(refusing) == 0 || len(out.Rest) == 0 {
		out.Rest = nil
		return out, nil
	}
	q.offer(ctx, c, w, sql, &out)
	return out, nil
}

// Teller tells decisions about whatever a person asks through a door: of the question that it is asked about purpose, basis, language
// and departments are what o says.
func (q Question) Teller(c *client.Client, w Where) func(ctx context.Context, sql string, o client.AskOptions, d *policy.Decision) (render.Decision, error) {
	return func(ctx context.Context, sql string, o client.AskOptions, d *policy.Decision) (render.Decision, error) {
		of := Question{Purpose: o.Purpose, Basis: o.Basis, Language: o.Language, Departments: o.Departments, Network: q.Network}
		return of.Told(ctx, c, w, sql, d)
	}
}

// offer is the same question of the rest: another question, with grants of its own.
func (q *Question) offer(ctx context.Context, c *client.Client, w Where, sql string, out *render.Decision) {
	o := q.Options()
	o.Departments = out.Rest
	over, err := c.Decide(ctx, sql, o)
	switch {
	case err == nil && over.Allowed:
		out.RestAllowed, out.AskRest = true, q.command(w, out.Rest, sql)
	case err == nil && over.Request != nil:
		out.AskRest = q.command(w, out.Rest, sql, "--request")
	default: // the rest cannot be asked this, or would not answer whatever is granted
		out.Rest = nil
	}
}

// hinted is what stands before a hint in Chinese.
const hinted = "提示："

// Refused is the error of a question as people meet it: of one that is not allowed, with all that is missing and what to do.
// A department may refuse what was allowed when it was asked: then what is missing now is told.
func (q *Question) Refused(ctx context.Context, c *client.Client, w Where, sql string, err error) error {
	var e *client.QueryError
	switch {
	case !errors.As(err, &e):
		return err
	case e.Code == engine.CodeHistory && q.Language == policy.Chinese:
		f := e.Failure()
		f.Hinted = hinted
		return f
	case e.Code != protocols.CodePolicy:
		return err
	}
	d := e.Decision
	if d == nil {
		now, failed := c.Decide(ctx, sql, q.Options())
		if failed != nil || now.Allowed {
			return err
		}
		d = &now
	}
	told, failed := q.Told(ctx, c, w, sql, d)
	if failed != nil {
		return err
	}
	return refusal(&told, e.Departments, q.Language)
}

// refusal is the failure of a question that is not allowed.
func refusal(d *render.Decision, departments []string, language string) *failure.Failure {
	f := &failure.Failure{Code: protocols.CodePolicy, Message: strings.TrimSuffix(d.Text, "\n"), Hint: d.Hint(language),
		Department: strings.Join(departments, ", "), Decision: d}
	if language == policy.Chinese {
		f.Hinted = hinted
	}
	return f
}
