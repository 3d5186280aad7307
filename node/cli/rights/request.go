package rights

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
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

// How long a request lasts that says no time, and by when an answer is wished.
const (
	onceFor     = 30 * 24 * time.Hour
	standingFor = 365 * 24 * time.Hour
	dueIn       = 14 * 24 * time.Hour
)

// Wish is what a request says beside its question.
type Wish struct {
	Due, Until     string
	Uses           int64
	Form           bool
	values, ranges []string
}

// Add adds --due, --uses and --until.
func (f *Wish) Add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.Due, "due", "", "by when an answer is wished: a day, to its end (UTC), a time, or 72h from now; in 14 days otherwise")
	flags.Int64Var(&f.Uses, "uses", 1, "how many questions the grant is to allow")
	flags.StringVar(&f.Until, "until", "", "until when the grant is to hold, as --due; for 30 days otherwise, of a standing request for a year")
}

// Idle refuses what only a request has, of a question that is asked.
func (f *Wish) Idle() error {
	if f.Due != "" || f.Until != "" || f.Uses > 1 {
		return failure.Usage("flag", "--request files the request, and asks nothing", "--due, --until and --uses are of --request")
	}
	return nil
}

func (s Shell) request() *cobra.Command {
	var q Question
	var f Wish
	cmd := &cobra.Command{
		Use:   `request --node MULTIADDR --identity FILE --purpose TEXT "SELECT ..."`,
		Short: "request grants for a question of all departments that demand one",
		Long: `Puts a request on the ledger, to all departments whose grant the question needs: for this question once, or --uses times, or,
as a standing request, for all questions of a form. In a form $1, $2, ... stand for literals, and --values or --range says
which of them: numbers as they are, texts with or without quotes. The departments of a standing request are those of --departments, or
all that hold the table, together: a question over fewer of them needs another grant.

  parley request --purpose "poverty relapse" --due 2026-12-31 "SELECT county, sum(cost) FROM claims GROUP BY county"
  parley request --purpose "poverty relapse" --uses 12 --until 2027-12-31 --form --range 1=2020-2030 \
    "SELECT county, sum(cost) FROM claims WHERE year = \$1 GROUP BY county"`,
	}
	w := s.Where(cmd)
	s.SQL(cmd, func(cmd *cobra.Command, sql string) error {
		if err := q.Check("request"); err != nil {
			return err
		}
		return s.connected(cmd.Context(), "request", *w, func(c *client.Client) error {
			return s.File(cmd.Context(), c, *w, q, f, sql)
		})
	})
	q.Add(cmd)
	f.Add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.Form, "form", false, "a standing request: the SQL is a form, with $1, $2, ... in the place of literals")
	flags.StringArrayVar(&f.values, "values", nil, "`N=VALUE,VALUE,...`: what may stand in the place of $N; once for each")
	flags.StringArrayVar(&f.ranges, "range", nil, "`N=LOW-HIGH`: whole numbers that may stand in the place of $N; once for each")
	s.JSONFlag(cmd)
	return cmd
}

// filed is what was requested, as --json prints it.
type filed struct {
	ID      string           `json:"id,omitempty"`
	Request *render.Request  `json:"request,omitempty"`
	Allowed bool             `json:"allowed,omitempty"` // nothing is missing: nothing was requested
	Beside  []render.Missing `json:"beside,omitempty"`  // what no grant of this request helps against
}

// File puts a request for a question's missing grants on the ledger, and prints it.
func (s Shell) File(ctx context.Context, c *client.Client, w Where, q Question, f Wish, sql string) error {
	made, beside, err := s.wanted(ctx, c, w, &q, &f, sql)
	if err != nil {
		return err
	}
	if made == nil {
		if *s.JSON {
			return s.PrintJSON(filed{Allowed: true})
		}
		if q.Language == policy.Chinese {
			return s.Print("没有缺少任何授权：各部门现在即可回答此问题。未提出申请。\n")
		}
		return s.Print("Nothing is missing: the departments answer this question now. Nothing was requested.\n")
	}
	var out filed
	var id engine.Digest
	if err := s.say(ctx, c, func(state *protocols.State, p *protocols.Person) (protocols.Body, error) {
		id = made.ID(policy.Key(p.First))
		return &protocols.Request{Request: *made}, nil
	}); err != nil {
		return err
	}
	c.View(func(state *protocols.State) {
		for _, r := range state.Requests() {
			if r.ID == id {
				shown := render.RequestOf(state, r, time.Now())
				out.Request = &shown
			}
		}
	})
	out.ID, out.Beside = id.String(), beside
	if *s.JSON {
		return s.PrintJSON(out)
	}
	return s.Print(requested(made, &out, q.Language))
}

// requested is what is said of a request that stands on the ledger.
func requested(r *policy.Request, out *filed, language string) string {
	text := fmt.Sprintf("requested of %s\ndue          %s\nrequest      %s\n", list(r.Departments), moment(r.Due), out.ID)
	helpless := "a grant would not help against:\n"
	if language == policy.Chinese {
		text = fmt.Sprintf("已向%s提出申请\n期限         %s\n申请         %s\n", list(r.Departments), moment(r.Due), out.ID)
		helpless = "以下各项授权无济于事：\n"
	}
	for i, m := range out.Beside {
		if i == 0 {
			text += helpless
		}
		text += failure.Printable(fmt.Sprintf("  %s: %s", m.Department, m.Sentence)) + "\n"
	}
	return text
}

// wanted is the request that a question needs; nil: it needs none. beside is what stands against the question whatever is granted.
func (s Shell) wanted(ctx context.Context, c *client.Client, w Where, q *Question, f *Wish, sql string) (*policy.Request, []render.Missing, error) {
	now := time.Now()
	due, err := s.day("due", f.Due, now)
	if err != nil {
		return nil, nil, err
	}
	until, err := s.day("until", f.Until, now)
	if err != nil {
		return nil, nil, err
	}
	if f.Uses < 1 || f.Uses > policy.MaxUses {
		return nil, nil, failure.Usage("flag", "", "--uses %d: it is from 1 to %d", f.Uses, policy.MaxUses)
	}
	question, subject, lasts := sql, policy.Subject{}, onceFor
	if f.Form {
		if subject.Parameters, err = parameters(f.values, f.ranges); err != nil {
			return nil, nil, err
		}
		if question, err = sample(sql, subject.Parameters); err != nil {
			return nil, nil, err
		}
		subject.Form, lasts = sql, standingFor
	} else if len(f.values)+len(f.ranges) > 0 {
		return nil, nil, failure.Usage("flag", "--form makes it a standing request", "--values and --range are of a form")
	}
	facts, err := c.Facts(ctx, question, q.Departments)
	if err != nil {
		return nil, nil, about(err, question)
	}
	d, err := c.Decide(ctx, question, q.Options())
	if err != nil {
		return nil, nil, about(err, question)
	}
	asked := asks(c, &d, &facts, f.Form)
	switch {
	case len(asked) == 0 && d.Allowed:
		return nil, nil, nil
	case len(asked) == 0:
		told, err := q.Told(ctx, c, w, question, &d)
		if err != nil {
			return nil, nil, err
		}
		return nil, nil, refusal(&told, d.Refusing(), q.Language)
	}
	r := facts.Request(asked, q.Purpose, q.Basis, orDefault(until, now.Add(lasts)).Unix())
	r.Due, r.Terms.Uses = orDefault(due, now.Add(dueIn)).Unix(), f.Uses
	if f.Form {
		for _, k := range facts.Contributors {
			subject.Contributors = append(subject.Contributors, k.Department)
		}
		r.Question, r.Subject = sql, subject
	}
	if err := r.Validate(now.Unix()); err != nil {
		return nil, nil, failure.Refused("request", "", "%s", err)
	}
	return r, beside(&d, asked, q.Language), nil
}

func about(err error, sql string) error {
	failed := failure.Of(err)
	failed.SQL = sql
	return failed
}

// asks are the departments whose grant a question needs and lacks; of a standing request, needs.
func asks(c *client.Client, d *policy.Decision, f *policy.Facts, standing bool) (out []string) {
	if d.Request != nil {
		out = slices.Clone(d.Request.Departments)
	}
	if !standing {
		return out
	}
	for _, charge := range d.Charges {
		out = append(out, charge.Department)
	}
	c.View(func(s *protocols.State) {
		for _, r := range registrations(s, f.Table) {
			declared := s.Classes(r.Department, r.Table)
			asked := slices.ContainsFunc(f.Contributors, func(k policy.Contributor) bool { return k.Department == r.Department })
			if asked && slices.ContainsFunc(f.Uses, func(u policy.Use) bool { return declared.Of(u.Column) == engine.ClassOnCondition }) {
				out = append(out, r.Department)
			}
		}
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// beside is what stands against a question whatever these departments grant.
func beside(d *policy.Decision, asked []string, language string) (out []render.Missing) {
	for _, m := range render.DecisionOf(d, language).Missing {
		if !slices.Contains(asked, m.Department) {
			out = append(out, m)
		}
	}
	return out
}

// parameters reads --values and --range.
func parameters(values, ranges []string) ([]policy.Parameter, error) {
	wrong := func(flag, text, why string) error {
		return failure.Usage("flag", "for example --values 1=2024,2025 or --range 2=2020-2030", "--%s %q: %s", flag, text, why)
	}
	byNumber := map[int]policy.Parameter{}
	for _, given := range []struct {
		flag string
		all  []string
		read func(string) (policy.Parameter, bool)
	}{{"values", values, literals}, {"range", ranges, span}} {
		for _, text := range given.all {
			number, rest, _ := strings.Cut(text, "=")
			n, err := strconv.Atoi(strings.TrimPrefix(number, "$"))
			if err != nil || n < 1 || n > engine.MaxParameters {
				return nil, wrong(given.flag, text, "it begins with the number of a parameter and =")
			}
			if _, twice := byNumber[n]; twice {
				return nil, wrong(given.flag, text, fmt.Sprintf("$%d has its values already", n))
			}
			p, ok := given.read(rest)
			if !ok {
				return nil, wrong(given.flag, text, "it names no value")
			}
			byNumber[n] = p
		}
	}
	out := make([]policy.Parameter, len(byNumber))
	for n, p := range byNumber {
		if n > len(out) {
			return nil, failure.Usage("flag", "parameters are $1, $2, ... without gaps", "$%d has values, and one before it has none", n)
		}
		out[n-1] = p
	}
	return out, nil
}

// literals reads "2024, Nanjing, 'a, b'": numbers stay, other texts become SQL's literals.
func literals(text string) (p policy.Parameter, ok bool) {
	for text != "" {
		word := text
		if quoted := strings.TrimLeft(text, " "); strings.HasPrefix(quoted, "'") {
			end := 1
			for end < len(quoted) && (quoted[end] != '\'' || strings.HasPrefix(quoted[end+1:], "'")) {
				if quoted[end] == '\'' {
					end++
				}
				end++
			}
			if end >= len(quoted) {
				return p, false
			}
			word, text = quoted[:end+1], strings.TrimLeft(quoted[end+1:], " ")
			if text != "" && text[0] != ',' {
				return p, false
			}
			text = strings.TrimPrefix(text, ",")
		} else {
			word, text, _ = strings.Cut(text, ",")
			if word = strings.TrimSpace(word); word == "" {
				return p, false
			}
			if !number(word) {
				word = "'" + strings.ReplaceAll(word, "'", "''") + "'"
			}
		}
		p.Values = append(p.Values, word)
	}
	slices.Sort(p.Values)
	p.Values = slices.Compact(p.Values)
	return p, len(p.Values) > 0
}

// number reports whether a text is a number without sign, as SQL writes one.
func number(s string) bool {
	whole, part, point := strings.Cut(s, ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return digits(whole) && (!point || digits(part))
}

// span reads "2020-2030".
func span(text string) (p policy.Parameter, ok bool) {
	low, high, found := strings.Cut(text, "-")
	var err, other error
	p.Range = true
	p.Low, err = strconv.ParseInt(low, 10, 64)
	p.High, other = strconv.ParseInt(high, 10, 64)
	return p, found && err == nil && other == nil
}

var parameter = regexp.MustCompile(`\$[0-9]+`)

// sample is a question of a form, with the first value of each parameter.
func sample(form string, parameters []policy.Parameter) (string, error) {
	question := parameter.ReplaceAllStringFunc(form, func(said string) string {
		n, err := strconv.Atoi(said[1:])
		if err != nil || n < 1 || n > len(parameters) {
			return said
		}
		p := parameters[n-1]
		if p.Range {
			return " " + strconv.FormatInt(p.Low, 10) + " "
		}
		return " " + p.Values[0] + " "
	})
	if values, ok := engine.Parameters(form, question); !ok || len(values) != len(parameters) {
		return "", failure.Usage("form", "give --values or --range for each of $1, $2, ..., and put them in the place of literals, not within quotes",
			"the form has not just the %s that are given", engine.Plural(len(parameters), "parameter"))
	}
	return question, nil
}

func (s Shell) requests() *cobra.Command {
	var mine, all bool
	var of string
	cmd := &cobra.Command{
		Use:   "requests --node MULTIADDR --identity FILE",
		Short: "the requests for grants that are open: who asks, for which columns in which role, for what, by when",
		Long: `Lists the requests that some department has not answered; --all also those that all have. Overdue ones are marked.

  parley requests --of north        # what north is asked
  parley requests --mine --all      # what became of one's own`,
		Args: s.Arguments(0, ""),
	}
	w := s.Where(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.connected(cmd.Context(), "requests", *w, func(c *client.Client) error {
			shown := []render.Request{}
			c.View(func(state *protocols.State) {
				p := state.Person(c.Key())
				for _, r := range state.Requests() {
					open := r.Open()
					asked := of == "" || slices.Contains(r.Request.Departments, of) && (all || slices.Contains(open, of))
					if asked && (all || len(open) > 0) && (!mine || p != nil && p.First == r.Person) {
						shown = append(shown, render.RequestOf(state, r, time.Now()))
					}
				}
			})
			if *s.JSON {
				return s.PrintJSON(map[string]any{"requests": shown})
			}
			return s.Print(render.Requests(shown))
		})
	}
	flags := cmd.Flags()
	flags.BoolVar(&mine, "mine", false, "one's own only")
	flags.StringVar(&of, "of", "", "only what this `DEPARTMENT` is asked, and has not answered")
	flags.BoolVar(&all, "all", false, "also what was answered")
	s.JSONFlag(cmd)
	return cmd
}
