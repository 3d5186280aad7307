// Package trail is the command about what became of who may ask what: the ledger's requests, decisions, questions,
// refusals, releases and answers, and a usage report of them that a department can publish. It reads a ledger, a
// running node's, a stopped one's, or an export.
package trail

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"parley/engine/policy"
	"parley/node/audit"
	"parley/node/failure"
	"parley/node/render"
)

// Shell is what this command needs of the program: how it prints, and where a ledger is.
type Shell struct {
	JSON      *bool // --json
	JSONFlag  func(*cobra.Command)
	Print     func(text string) error
	PrintJSON func(v any) error
	When      func(flag, text string, now time.Time) (time.Time, error)
	// Records adds the flags that say where a ledger is, and gives what opens it, or the export that is named: the
	// caller closes it. pinned: it is the pinned network's.
	Records func(*cobra.Command) func(ctx context.Context, export string) (r audit.Records, pinned bool, err error)
}

// flags are what a trail or a report is about, and how it is printed.
type flags struct {
	filter                audit.TrailFilter
	from, until, language string
	csv, report, names    bool
}

// Command is `parley trail`.
func Command(s Shell) *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "trail [EXPORT]",
		Short: "who asked for what, who decided what, what was asked, refused, released and answered",
		Long: `Reads the ledger of a running node (--node MULTIADDR --identity FILE), of a stopped one (--dir DIR), or an export, offline,
and lists in its order every policy, request, grant, decline and grant taken back, and every question with what became of
it: refusals, releases (decryption shares), answers. Columns and their roles are recomputed from the questions' SQL.

  parley trail --dir DIR --table claims --column age
  parley trail --dir DIR --analyst "Li Mei of statistics" --csv
  parley trail --grant 3fa94c01 EXPORT
  parley trail --report --from 2026-01-01 --until 2026-04-01 EXPORT

--report prints a usage report instead, which a department can publish: how many questions were asked of which tables,
for which purposes, by the analysts of which departments, and what became of them, by month. It names no person, unless
--names is given. What happened from --until on does not count, so that a report of a time that is over stays as it is.
--department D of a report: the rows of D; of a trail: what D or its persons did too.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return failure.Usage("arguments", "", "parley trail takes one export at most, and got %d", len(args))
			}
			return nil
		},
	}
	add := cmd.Flags().StringVar
	add(&f.filter.Table, "table", "", "about this table")
	add(&f.filter.Column, "column", "", "about this column, in whatever role")
	add(&f.filter.Analyst, "analyst", "", "of this analyst: a name, \"NAME of DEPARTMENT\", a peer id or its last 8 characters or more")
	add(&f.filter.Purpose, "purpose", "", "for this purpose")
	add(&f.filter.Grant, "grant", "", "under this grant: the first 8 digits of its id or more")
	add(&f.filter.Department, "department", "", "of this department, or about its rows")
	add(&f.from, "from", "", "not before this time, UTC: 2026-03-31, \"2026-03-31 09:00\", or 24h ago")
	add(&f.until, "until", "", "before this time, UTC")
	cmd.Flags().BoolVar(&f.csv, "csv", false, "the lines as CSV, times in RFC 3339")
	cmd.Flags().BoolVar(&f.report, "report", false, "a usage report in place of the lines")
	cmd.Flags().BoolVar(&f.names, "names", false, "with --report: by analyst too, with their names")
	add(&f.language, "lang", policy.English, "the language of what is printed for people: en, zh")
	open := s.Records(cmd)
	s.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(s); err != nil {
			return err
		}
		export := ""
		if len(args) > 0 {
			export = args[0]
		}
		r, pinned, err := open(cmd.Context(), export)
		if err != nil {
			return err
		}
		defer r.Close()
		if f.report {
			return s.usage(cmd.Context(), r, f)
		}
		return s.trail(cmd.Context(), r, f, render.Trail{Pinned: pinned, Checked: export != ""})
	}
	return cmd
}

// check reads the times, and refuses what does not go together.
func (f *flags) check(s Shell) (err error) {
	if f.filter.Since, err = s.When("from", f.from, time.Now()); err != nil {
		return err
	}
	if f.filter.Until, err = s.When("until", f.until, time.Now()); err != nil {
		return err
	}
	about := f.filter
	about.Department, about.Since, about.Until = "", time.Time{}, time.Time{}
	switch {
	case f.language != policy.English && f.language != policy.Chinese:
		return failure.Usage("flag", "", "--lang is en or zh, not %q", f.language)
	case f.report && f.csv:
		return failure.Usage("flag", "--json has its figures", "a report is no CSV")
	case f.csv && *s.JSON:
		return failure.Usage("flag", "", "--csv or --json, not both")
	case f.report && about != audit.TrailFilter{}:
		return failure.Usage("flag", "leave --report out for the lines", "a report is about a department's rows and a time, or all: --department, --from, --until")
	case f.names && !f.report:
		return failure.Usage("flag", "", "--names belongs to --report: the lines name persons anyway")
	}
	return nil
}

func (s Shell) trail(ctx context.Context, r audit.Records, f flags, out render.Trail) error {
	t, err := audit.ReadTrail(ctx, r, time.Time{})
	if err != nil {
		return err
	}
	if out.Lines, err = t.Select(f.filter); err != nil {
		return err
	}
	out.Network, out.Block, out.Time = t.Network, t.Block, t.Time
	switch {
	case *s.JSON:
		return s.PrintJSON(out)
	case f.csv:
		return s.Print(out.CSV())
	}
	return s.Print(out.Text(f.language))
}

func (s Shell) usage(ctx context.Context, r audit.Records, f flags) error {
	t, err := audit.ReadTrail(ctx, r, f.filter.Until)
	if err != nil {
		return err
	}
	u, err := t.Usage(audit.UsageFilter{Department: f.filter.Department, From: f.filter.Since, Until: f.filter.Until, Names: f.names})
	if err != nil {
		return err
	}
	if *s.JSON {
		return s.PrintJSON(u)
	}
	return s.Print(render.Usage(u, f.names, f.language))
}
