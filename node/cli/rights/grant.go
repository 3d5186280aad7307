package rights

import (
	"context"
	"fmt"
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

// narrower is what a steward grants in place of what was requested.
type narrower struct {
	uses, cohort int64
	until        string
	purposes     []string
}

func (s Shell) grant() *cobra.Command {
	var f narrower
	cmd := &cobra.Command{
		Use:   "grant --node MULTIADDR --identity FILE REQUEST-ID",
		Short: "grant a request, for the department that vouches for you as its steward",
		Long: `Grants what was requested, as it stands or narrower: for fewer uses, not as long, for cells of more rows, or for another
purpose, by which the person then has to ask. Whether it is of one question or of a form, the request says; parley requests shows it. A
grant allows no more than the department's policy does when the question is asked. REQUEST-ID may be shortened to
its first 8 digits or more.

  parley requests --of north
  parley grant 3f2a91c07b
  parley grant --uses 4 --until 2027-06-30 --cohort 10 3f2a91c07b`,
		Args: s.Arguments(1, "the request's id"),
	}
	w := s.Where(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		until, err := s.day("until", f.until, time.Now())
		if err != nil {
			return err
		}
		return s.connected(cmd.Context(), "grant", *w, func(c *client.Client) error {
			return s.give(cmd.Context(), c, args[0], &f, until)
		})
	}
	flags := cmd.Flags()
	flags.Int64Var(&f.uses, "uses", 0, "for so many questions; as many as were requested otherwise")
	flags.StringVar(&f.until, "until", "", "until the end of this day (UTC), a time, or 720h from now; as requested otherwise")
	flags.StringArrayVar(&f.purposes, "purpose", nil, "for this purpose in place of the requested one; may be repeated")
	flags.Int64Var(&f.cohort, "cohort", 0, "only for cells of at least so many rows")
	s.JSONFlag(cmd)
	return cmd
}

// give grants a request.
func (s Shell) give(ctx context.Context, c *client.Client, prefix string, f *narrower, until time.Time) error {
	var granted engine.Digest
	err := s.say(ctx, c, func(state *protocols.State, p *protocols.Person) (protocols.Body, error) {
		r, err := find("request", "requests", prefix, state.Requests(), func(r protocols.RequestRecord) engine.Digest { return r.ID })
		if err != nil {
			return nil, err
		}
		if !r.Request.Shows(state.Catalogue()) {
			return nil, failure.Refused("not-shown", "refuse it, or wait until it is requested anew", "what request %s asks for is not the question that it shows, or the tables have changed since", r.ID.String()[:12])
		}
		g := r.Request.Grant(p.Department, 0, policy.Key(r.Person))
		if err := f.apply(&g.Terms, until); err != nil {
			return nil, err
		}
		granted = g.ID()
		return &protocols.Grant{Grant: g, Under: p.Number}, nil
	})
	if err != nil {
		return err
	}
	return s.printGrant(c, granted)
}

// apply narrows terms.
func (f *narrower) apply(t *policy.Terms, until time.Time) error {
	more := func(flag, requested string) error {
		return failure.Refused("wider", "leave it out, or give less: what was not requested is granted when it is requested", "--%s is more than was requested: %s", flag, requested)
	}
	if f.uses < 0 || f.cohort < 0 {
		return failure.Usage("flag", "", "--uses and --cohort are not below 0")
	}
	if f.uses > t.Uses {
		return more("uses", fmt.Sprint(t.Uses))
	}
	if !until.IsZero() && until.Unix() > t.Until {
		return more("until", moment(t.Until))
	}
	if f.uses > 0 {
		t.Uses = f.uses
	}
	if !until.IsZero() {
		t.Until = until.Unix()
	}
	t.Cohort = max(t.Cohort, f.cohort)
	if len(f.purposes) > 0 {
		t.Purposes = slices.Compact(slices.Sorted(slices.Values(f.purposes)))
	}
	return nil
}

// printGrant shows a grant as the ledger has it.
func (s Shell) printGrant(c *client.Client, id engine.Digest) error {
	shown := []render.Grant{}
	closed := false
	c.View(func(state *protocols.State) {
		for _, g := range state.Grants() {
			if g.ID == id {
				shown = append(shown, render.GrantOf(state, g, time.Now()))
				closed = state.Policy(g.Grant.Department, g.Grant.Table) == nil
			}
		}
	})
	if len(shown) != 1 {
		return failure.Refused("unknown-grant", "parley grants --all lists them", "the grant is not on the ledger any more")
	}
	if *s.JSON {
		return s.PrintJSON(shown[0])
	}
	text := strings.TrimSuffix(render.Grants(shown), "(1 grant)\n")
	if closed && shown[0].State == render.InForce {
		text += "note: the department has no policy for the table, so nobody is answered yet;\nparley policy publish puts one in force\n"
	}
	return s.Print(text)
}

func (s Shell) refuse() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "refuse --node MULTIADDR --identity FILE --reason TEXT REQUEST-ID",
		Short: "refuse a request, for the department that vouches for you as its steward",
		Long: `Refuses a request, with a reason that stands on the ledger for all to read. The other departments decide for themselves. REQUEST-ID
may be shortened to its first 8 digits or more.

  parley refuse --reason "the purpose is not ours" 3f2a91c07b`,
		Args: s.Arguments(1, "the request's id"),
	}
	w := s.Where(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if reason == "" {
			return noReason("refuse")
		}
		return s.connected(cmd.Context(), "refuse", *w, func(c *client.Client) error {
			var refused engine.Digest
			if err := s.say(cmd.Context(), c, func(state *protocols.State, p *protocols.Person) (protocols.Body, error) {
				r, err := find("request", "requests", args[0], state.Requests(), func(r protocols.RequestRecord) engine.Digest { return r.ID })
				if err != nil {
					return nil, err
				}
				refused = r.ID
				return &protocols.Decline{Request: r.ID, Reason: reason, Under: p.Number}, nil
			}); err != nil {
				return err
			}
			return s.printRequest(c, refused)
		})
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, in a few words")
	s.JSONFlag(cmd)
	return cmd
}

func noReason(command string) error {
	return failure.Usage("flag", "others read it on the ledger", "parley %s needs --reason", command)
}

// printRequest shows a request as the ledger has it.
func (s Shell) printRequest(c *client.Client, id engine.Digest) error {
	shown := []render.Request{}
	c.View(func(state *protocols.State) {
		for _, r := range state.Requests() {
			if r.ID == id {
				shown = append(shown, render.RequestOf(state, r, time.Now()))
			}
		}
	})
	if len(shown) != 1 {
		return failure.Refused("unknown-request", "parley requests --all lists them", "the request is not on the ledger any more")
	}
	if *s.JSON {
		return s.PrintJSON(shown[0])
	}
	return s.Print(strings.TrimSuffix(render.Requests(shown), "(1 request)\n"))
}

func (s Shell) revoke() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "revoke --node MULTIADDR --identity FILE --reason TEXT GRANT-ID",
		Short: "take a grant of your department back, for good",
		Long: `Takes a grant back. Questions under it end at once, but for those in which departments may have shared already. The reason stands on
the ledger, for all to read. GRANT-ID may be shortened to its first 8 digits or more.

  parley grants --of north
  parley revoke --reason "the project is over" 90c1d2e3f4`,
		Args: s.Arguments(1, "the grant's id"),
	}
	w := s.Where(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if reason == "" {
			return noReason("revoke")
		}
		return s.connected(cmd.Context(), "revoke", *w, func(c *client.Client) error {
			var revoked engine.Digest
			if err := s.say(cmd.Context(), c, func(state *protocols.State, p *protocols.Person) (protocols.Body, error) {
				g, err := find("grant", "grants", args[0], state.Grants(), func(g protocols.GrantRecord) engine.Digest { return g.ID })
				if err != nil {
					return nil, err
				}
				revoked = g.ID
				return &protocols.Rescind{Grant: g.ID, Reason: reason, Under: p.Number}, nil
			}); err != nil {
				return err
			}
			return s.printGrant(c, revoked)
		})
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, in a few words")
	s.JSONFlag(cmd)
	return cmd
}

func (s Shell) grants() *cobra.Command {
	var of, person string
	var all bool
	cmd := &cobra.Command{
		Use:   "grants --node MULTIADDR --identity FILE",
		Short: "the grants in force: whose rows, who may ask, for what, how often still, until when",
		Long: `Lists the grants that can be used; --all also those that are used up, revoked, or have ended. A grant that has ended leaves the list
at one of the next decisions; what became of it stands on the ledger.

  parley grants --of north
  parley grants --person "Li Mei" --all`,
		Args: s.Arguments(0, ""),
	}
	w := s.Where(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.connected(cmd.Context(), "grants", *w, func(c *client.Client) error {
			shown := []render.Grant{}
			c.View(func(state *protocols.State) {
				for _, r := range state.Grants() {
					g := render.GrantOf(state, r, time.Now())
					meant := (of == "" || strings.EqualFold(of, g.Department)) && matches(person, g.Name, protocols.Key(r.Grant.Person))
					if meant && (all || g.State == render.InForce) {
						shown = append(shown, g)
					}
				}
			})
			if *s.JSON {
				return s.PrintJSON(map[string]any{"grants": shown})
			}
			return s.Print(render.Grants(shown))
		})
	}
	flags := cmd.Flags()
	flags.StringVar(&of, "of", "", "only of this `DEPARTMENT`")
	flags.StringVar(&person, "person", "", "only to this person: a name, a peer id, or a key as policies have it")
	flags.BoolVar(&all, "all", false, "also what is used up, revoked, or has ended")
	s.JSONFlag(cmd)
	return cmd
}
